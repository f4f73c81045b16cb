import Events
import Foundation
import Testing

@testable import Streaming

/// What `kafka.properties` may name, and what is said of it.
@Suite struct PropertyTests {
    private let secret = "Pl4nted/Secret+Value"

    private func problems(_ properties: [String: String]) -> [(name: String?, reason: String)] {
        var configuration = KafkaConfiguration(bootstrapServers: "127.0.0.1:1", groupID: "group")
        configuration.properties = properties
        return configuration.propertyProblems()
    }

    /// Whoever sets one of these believes that something holds which does not.
    @Test(arguments: [
        "partition.assignment.strategy", "enable.auto.commit", "auto.commit.enable", "enable.auto.offset.store", "enable.idempotence",
        "isolation.level", "acks", "request.required.acks", "transactional.id", "group.id", "client.id", "bootstrap.servers",
        "metadata.broker.list", "allow.auto.create.topics", "partitioner", "enable.partition.eof", "statistics.interval.ms",
        "delivery.report.only.error", "offset.store.method", "retries",
    ])
    func propertiesThatCarryAPromiseAreRefusedByName(name: String) {
        let found = problems([name: "all"])
        #expect(found.map(\.name) == [name] && found.allSatisfy { $0.reason.contains("Freshet's own") }, "\(found)")
        #expect(PropertyPolicy.reserved[name] != nil)
    }

    /// A reserved name that librdkafka does not know would be refused for the wrong reason, and forgotten.
    @Test func whatIsReservedExists() {
        for name in PropertyPolicy.reserved.keys where name != "test.mock.num.brokers" {
            #expect(PropertyPolicy.isKnown(name), "\(name)")
        }
    }

    @Test(arguments: [
        ("sasl.pasword", "sasl.password"), ("sesion.timeout.ms", "session.timeout.ms"), ("compresion.type", "compression.type"),
    ])
    func aPropertyThatIsMistypedIsToldWithTheOneThatWasMeant(name: String, meant: String) {
        let found = problems([name: secret])
        #expect(found.map(\.name) == [name] && found.allSatisfy { $0.reason.contains("did you mean \(meant)?") }, "\(found)")
        #expect(found.allSatisfy { !$0.reason.contains(secret) })
    }

    /// librdkafka's own sentences, with values in them or not.
    @Test(arguments: [
        "compression.codec", "security.protocol", "queue.buffering.max.messages", "acks", "enable.ssl.certificate.verification", "ssl.key.pem",
        "debug", "queue.buffering.max.ms", "sasl.oauthbearer.method", "socket.keepalive.enable", "broker.address.family",
    ])
    func aValueThatIsNotTakenIsNotRepeated(name: String) {
        let found = problems([name: secret])
        #expect(found.first.map { $0.reason.count > 10 && !$0.reason.contains(secret) && !$0.reason.contains("Pl4nted") } ?? (name == "ssl.key.pem"), "\(found)")
        #expect(throws: StreamingError.self) {
            do {
                var configuration = KafkaConfiguration(bootstrapServers: "127.0.0.1:1", groupID: "group")
                configuration.properties = ["security.protocol": "ssl"]
                configuration.properties[name] = secret
                _ = try Producer(configuration, topics: [])
            } catch {
                #expect(!"\(error)".contains(secret) && !"\(error)".contains("Pl4nted"), "\(error)")
                throw error
            }
        }
    }

    @Test func everyProblemIsToldAtOnce() {
        let found = problems(["enable.idempotence": "false", "linger.ms": "-1", "no.such": "x", "fetch.wait.max.ms": "10"])
        #expect(found.map(\.name) == ["enable.idempotence", "linger.ms", "no.such"])
    }

    /// Each is taken, all of them are not.
    @Test(arguments: [
        ["max.in.flight.requests.per.connection": "10"], ["session.timeout.ms": "400000", "max.poll.interval.ms": "300000"],
        ["security.protocol": "ssl", "ssl.ca.location": "/nowhere/ca.pem"], ["security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN"],
    ])
    func propertiesThatDoNotGoTogetherAreRefused(properties: [String: String]) {
        let found = problems(properties)
        #expect(found.count == 1 && found.allSatisfy { !$0.reason.isEmpty }, "\(found)")
    }

    @Test(arguments: [
        [:], ["fetch.wait.max.ms": "10", "session.timeout.ms": "6000"], ["auto.offset.reset": "latest"], ["transaction.timeout.ms": "20000"],
        ["security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "u", "sasl.password": "p"],
        ["security.protocol": "sasl_plaintext", "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.config": "principal=x"],
        ["compression.type": "zstd", "client.rack": "a", "linger.ms": "5", "message.max.bytes": "2000"],
    ])
    func propertiesThatTuneAndSecureAreTaken(properties: [String: String]) { #expect(problems(properties).isEmpty) }

    @Test func noPieceOfASecretIsLeftInAText() {
        let redaction = Redaction(["sasl.password": secret, "ssl.key.password": "abc", "sasl.oauthbearer.config": "principal=me scope=role1", "acks": "every-one", "ssl.ca.location": "/etc/ssl/ca"])
        #expect(redaction.clean("said \(secret).") == "said ***.")
        #expect(redaction.clean("Unrecognized sasl.oauthbearer.config beginning at: me scope=role1") == "Unrecognized sasl.oauthbearer.config beginning at: ***")
        #expect(redaction.clean("key abc, then Secret+V") == "key ***, then ***")
        #expect(redaction.clean("every-one at /etc/ssl/ca") == "every-one at /etc/ssl/ca")
        #expect(Redaction([:]).clean("nothing is hidden") == "nothing is hidden")
    }
}
