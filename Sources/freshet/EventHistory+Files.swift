import EventFiles
import Evaluation
import Events
import Foundation

extension EventHistory {
    /// Adds every event of some files, in the order of their times, with a bar; what is passed over or out of
    /// order is told.
    mutating func read(_ paths: [String]) throws {
        var history = EventHistory()
        var progress = ProgressLine()
        for (place, path) in paths.enumerated() {
            let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
            var reader = try EventFileReader(path: path, now: now)
            while let event = try reader.next() {
                try history.append(event)
                guard history.count % 1000 == 0 else { continue }
                progress.show(share: reader.progress.map { (Double(place) + $0) / Double(paths.count) }, "reading")
            }
            progress.end()
            reader.tellSkipped(path)
        }
        if let order = TimeOrder(of: history.count, timestamp: history.timestamp(at:)) {
            print("\(paths.joined(separator: ", ")): \(order.message)", to: &standardError)
            for place in order.places { try append(history[place]) }
        } else if count == 0 {
            self = history
        } else {
            for place in 0..<history.count { try append(history[place]) }
        }
    }
}

extension EventFileReader {
    /// Says on standard error what was passed over.
    func tellSkipped(_ path: String) {
        guard let firstProblem else { return }
        print("\(path): \(skipped) lines were passed over; the first: \(firstProblem)", to: &standardError)
    }
}
