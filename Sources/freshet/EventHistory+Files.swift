import EventFiles
import Evaluation
import Events
import Foundation

extension EventHistory {
    /// Adds every event of some files in their order, with a bar; what is passed over is told.
    mutating func read(_ paths: [String]) throws {
        var progress = ProgressLine()
        for (place, path) in paths.enumerated() {
            let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
            var reader = try EventFileReader(path: path, now: now)
            while let event = try reader.next() {
                try append(event)
                guard count % 1000 == 0 else { continue }
                progress.show(share: reader.progress.map { (Double(place) + $0) / Double(paths.count) }, "reading")
            }
            progress.end()
            if let problem = reader.firstProblem {
                print("\(path): \(reader.skipped) lines were passed over; the first: \(problem)", to: &standardError)
            }
        }
    }
}
