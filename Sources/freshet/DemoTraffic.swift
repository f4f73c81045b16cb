import Evaluation
import EventFiles
import Events
import Foundation
import Simulation
import Streaming
import Synchronization

/// The demo's source of events: a simulated shop, or a file replayed, at a steady rate.
final class DemoTraffic: Sendable {
    private let source: Source
    private let rate: Int
    private let bootstrapServers: String
    private let progress = Mutex(Progress())

    private enum Source: Sendable {
        case shop
        case file([Event])
    }

    private struct Progress {
        var sent: UInt64 = 0
        var isStopping = false
        var isDone = false
    }

    /// Replayed files are held whole: this many events at most.
    private static let eventsMax = 2_000_000
    /// The share of the duration that a file is spread over; the rest is for the group to form and the
    /// last lists to arrive.
    private static let fileShare = 0.75
    private static let shopRate = 1000

    init(events path: String?, rate: Int?, duration: Duration, bootstrapServers: String) throws {
        self.bootstrapServers = bootstrapServers
        guard let path else {
            source = .shop
            self.rate = rate ?? Self.shopRate
            return
        }
        let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        var events: [Event] = []
        do throws(EventFileError) {
            var reader = try EventFileReader(path: path, now: now)
            while events.count < Self.eventsMax, let event = try reader.next() { events.append(event) }
            reader.tellSkipped(path)
        } catch {
            throw fail("\(error)", code: ExitStatus.usage)
        }
        if let order = TimeOrder(of: events.count, timestamp: { events[$0].timestamp }) {
            print("\(path): \(order.message)", to: &standardError)
            events = order.places.map { events[$0] }
        }
        let seconds = max(1, (duration / .seconds(1)) * Self.fileShare)
        self.rate = rate ?? max(1, Int((Double(events.count) / seconds).rounded(.up)))
        source = .file(events)
    }

    var sent: UInt64 { progress.withLock { $0.sent } }

    /// Whether every event of the file was sent.
    var isDone: Bool { progress.withLock { $0.isDone } }

    var description: String {
        switch source {
        case .shop: "simulated shop, \(rate) events/s"
        case .file(let events): "\(events.count) events of the file, \(rate) events/s"
        }
    }

    func start() {
        let thread = Thread { [self] in
            do throws(StreamingError) {
                try produce()
            } catch {
                print("freshet: the demo's traffic stopped: \(error)", to: &standardError)
            }
            progress.withLock { $0.isDone = true }
        }
        thread.name = "demo-traffic"
        thread.start()
    }

    func stop() { progress.withLock { $0.isStopping = true } }

    private func produce() throws(StreamingError) {
        var kafka = KafkaConfiguration(bootstrapServers: bootstrapServers, groupID: "demo")
        // As clients of Kafka do by default: the embedded broker looks through all its batches for each fetch.
        kafka.properties["linger.ms"] = "5"
        let producer = try Producer(kafka, topics: ["events"])
        var shopConfiguration = SyntheticShop.Configuration()
        shopConfiguration.eventsPerSecond = rate
        var shop = SyntheticShop(shopConfiguration)
        var reports: [DeliveryReport] = []
        let began = ContinuousClock.now
        var sent = 0
        while !progress.withLock({ $0.isStopping }) {
            let due = Int((ContinuousClock.now - began) / .seconds(1) * Double(rate))
            while sent < due {
                let event: Event
                switch source {
                case .shop: event = shop.next()
                case .file(let events):
                    guard sent < events.count else { return try finish(producer, &reports) }
                    event = events[sent]
                }
                let record = OutgoingRecord(
                    topic: "events", key: Array(event.user.text.utf8), value: RecordEncoder.encode(event))
                do throws(StreamingError) {
                    try producer.send(record, token: 1)
                } catch {
                    guard error == .queueFull else { throw error }
                    break
                }
                sent += 1
            }
            reports.removeAll(keepingCapacity: true)
            producer.poll(into: &reports, timeout: .milliseconds(2))
            let total = UInt64(sent)
            progress.withLock { $0.sent = total }
        }
        try finish(producer, &reports)
    }

    /// Waits until the broker has every event, for at most ten seconds.
    private func finish(_ producer: Producer, _ reports: inout [DeliveryReport]) throws(StreamingError) {
        let deadline = ContinuousClock.now + .seconds(10)
        while producer.inFlight > 0, ContinuousClock.now < deadline {
            reports.removeAll(keepingCapacity: true)
            producer.poll(into: &reports, timeout: .milliseconds(20))
        }
        if case .file(let events) = source {
            let total = UInt64(events.count)
            progress.withLock { $0.sent = total }
        }
    }
}
