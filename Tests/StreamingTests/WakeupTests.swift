import Events
import Foundation
import Testing

@testable import Streaming

/// What ends a wait for records. A wait that nothing ends lasts longer than a test may, which takes its time beside others.
@Suite(.timeLimit(.minutes(10)))
struct WakeupTests {
    private func wait(_ consumer: Consumer, into events: inout [ConsumerEvent]) {
        consumer.poll(into: &events, eventsMax: 100, timeout: .seconds(700))
    }

    /// A consumer that a wakeup ends the waits of, and what a producer beside it needs.
    private struct Beside {
        let broker: EmbeddedBroker
        let configuration: KafkaConfiguration
        let wakeup: Wakeup
        let consumer: Consumer

        init() throws {
            broker = try EmbeddedBroker(brokers: 1)
            try broker.createTopic("events", partitions: 1)
            configuration = KafkaConfiguration(bootstrapServers: broker.bootstrapServers, groupID: "wakeups")
            wakeup = try Wakeup()
            consumer = try Consumer(configuration, topics: [], wakeup: wakeup)
        }
    }

    @Test func aRingBeforeTheWaitEndsItAndTheNextOneLasts() throws {
        let wakeup = try Wakeup()
        wakeup.ring()
        wakeup.ring()
        wakeup.wait(.seconds(700))
        let began = ContinuousClock.now
        wakeup.wait(.milliseconds(20))
        #expect(ContinuousClock.now - began >= .milliseconds(20))
    }

    @Test func aRingFromAnotherThreadEndsThePoll() throws {
        let beside = try Beside()
        let consumer = beside.consumer
        var events: [ConsumerEvent] = []
        let wakeup = beside.wakeup
        let ringing = Thread { wakeup.ring() }
        ringing.start()
        wait(consumer, into: &events)
        #expect(events.isEmpty)
        consumer.close(timeout: .seconds(5))
    }

    @Test func aReportEndsThePollOfTheConsumerBesideIt() throws {
        let beside = try Beside()
        let consumer = beside.consumer
        let producer = try Producer(beside.configuration, topics: ["events"], wakeup: beside.wakeup)
        try producer.send(OutgoingRecord(topic: "events", key: nil, value: [1]), token: 7)
        var events: [ConsumerEvent] = []
        var reports: [DeliveryReport] = []
        // Other words of the client end a wait too: there are a few while it connects.
        for _ in 0..<20 where reports.isEmpty {
            wait(consumer, into: &events)
            producer.poll(into: &reports, timeout: .zero)
        }
        #expect(reports.map(\.token) == [7])
        #expect(reports.allSatisfy { $0.failure == nil })
        consumer.close(timeout: .seconds(5))
    }

    @Test func recordsEndThePollAndThoseThatAreLeftAreTakenAtOnce() throws {
        let beside = try Beside()
        let consumer = beside.consumer
        let producer = try Producer(beside.configuration, topics: ["events"])
        try consumer.assign([TopicPartition(topic: "events", partition: 0): 0])
        for value in 0..<40 as Range<UInt8> {
            try producer.send(OutgoingRecord(topic: "events", key: nil, value: [value]), token: UInt(value) + 1)
        }
        var values: [UInt8] = []
        var events: [ConsumerEvent] = []
        for _ in 0..<100 where values.count < 40 {
            events.removeAll()
            // Ten of forty: the rest is there already, and rings no more.
            consumer.poll(into: &events, eventsMax: 10, timeout: .seconds(700))
            for case .record(let record) in events { values += record.value ?? [] }
        }
        #expect(values == Array(0..<40))
        consumer.close(timeout: .seconds(5))
    }
}
