import Foundation
import Testing

@testable import Settings

/// A secret that was given in any way is in no message about it.
@Suite final class SecretTests {
    private let secret = "Pl4nted/Secret+Value"
    private let path = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-secret-\(UUID().uuidString).yaml").path

    deinit { do { try FileManager.default.removeItem(atPath: path) } catch {} }

    private func message(yaml: String? = nil, environment: [String: String] = [:], overrides: [String] = []) throws -> String {
        if let yaml { try yaml.write(toFile: path, atomically: false, encoding: .utf8) }
        do throws(SettingsError) {
            _ = try Settings.load(file: yaml == nil ? nil : path, environment: environment, overrides: overrides)
            return ""
        } catch {
            return "\(error)"
        }
    }

    private var base: String {
        """
        kafka:
          group_id: test
          properties:
            security.protocol: sasl_ssl
            sasl.password: \(secret)
        http:
          listen: 127.0.0.1:0

        """
    }

    /// Each with the line that is to be named.
    @Test(arguments: [
        ("kafka:\n  properties:\n    sasl.password: SECRET\n    sasl.password: SECRET\n", "line 3"),
        ("kafka:\n  properties: {sasl.password:SECRET, sasl.password:SECRET}\n", "line 2"),
        ("kafka:\n  properties:\n    sasl.password: \"SECRET\n", "line"),
        ("kafka:\n  properties:\n    sasl.password: 'SECRET' SECRET\n", "line 3"),
        ("kafka:\n  properties:\n    sasl.password: %SECRET\n", "line 3"), ("kafka:\n  properties:\n    sasl.password: *SECRET\n", "line 3"),
        ("kafka:\n  properties:\n    sasl.password: !SECRET\tx\n   y: z\n", "line"), ("kafka:\n\tproperties: SECRET\n", "line"),
        ("kafka:\n  properties:\n    sasl.password: SECRET\n  - x\n", "line"),
        ("kafka:\n  properties:\n    - sasl.password=SECRET\n", "line"), ("kafka:\n  properties: SECRET\n", "line 2"),
        ("kafka:\n  properties: {sasl.password: SECRET\n", "line"), ("--- SECRET\n", "line 1"), ("a: b\n---\nkafka: SECRET\n", "line 2"),
        ("kafka:\n  properties:\n    sasl.password: [SECRET]\n", "line 3"), ("kafka:\n  \"sasl.password:SECRET\": x\n", "line 2"),
        ("kafka:\n  sasl.password: SECRET\n", "line 2"), ("kafka:\n  sasl_password_file: SECRET\n", "line 2"),
        ("http:\n  token_file: SECRET\n", "line 2"), ("http:\n  token: SECRET\n", "line 2"),
    ])
    func aFileIsRefusedByLineAndReasonAlone(yaml: String, line: String) throws {
        let message = try message(yaml: yaml.replacing("SECRET", with: secret))
        #expect(message.contains(line), "\(message)")
        #expect(!message.contains(secret) && !message.contains("Pl4nted"), "\(message)")
    }

    /// Every place of a good file broken by one character: whatever is said, it is not the secret.
    @Test func aFileThatIsBrokenAnywhereNamesNoSecret() throws {
        let text = Array(base)
        var refused = 0
        for (place, broken) in text.indices.flatMap({ place in ["\"", ":", "\n", "{", "\t", "- "].map { (place, $0) } }) {
            var words = text.map(String.init)
            words.insert(broken, at: place)
            let message = try message(yaml: words.joined())
            if !message.isEmpty { refused += 1 }
            #expect(!message.contains(secret) && !message.contains("Pl4nted"), "\(message)")
        }
        #expect(refused > 200, "\(refused)")
    }

    @Test(arguments: [
        ["kafka.properties.sasl.password:SECRET"], ["SECRET"], ["kafka.sasl.password=SECRET"], ["kafka.properties=SECRET"],
        ["http.token=SECRET"], ["http.token_file=SECRET"], ["kafka.sasl_password_file=SECRET"],
        ["kafka.properties.sasl.password=SECRET", "kafka.sasl_password_file=/dev/null"],
        ["kafka.properties.sasl.password=SECRET", "model.dimensions=63"],
    ])
    func anOverrideIsRefusedWithoutItsValue(words: [String]) throws {
        let message = try message(overrides: words.map { $0.replacing("SECRET", with: secret) })
        #expect(!message.isEmpty && !message.contains(secret), "\(message)")
    }

    @Test(arguments: ["FRESHET_KAFKA_PROPERTIES", "FRESHET_KAFKA_SASL_PASSWORD", "FRESHET_HTTP_TOKEN_FILE", "FRESHET_KAFKA_PROPERTIES_SASL_PASSWORD"])
    func aVariableIsRefusedWithoutItsValue(name: String) throws {
        let message = try message(environment: [name: secret])
        #expect(!message.isEmpty && !message.contains(secret), "\(message)")
    }

    /// What others find is told with the line of the property, and their words are all that is told.
    @Test func whatIsBehindAPropertyIsToldByItsLine() throws {
        try base.write(toFile: path, atomically: false, encoding: .utf8)
        do throws(SettingsError) {
            _ = try Settings.load(file: path, environment: [:], overrides: []) { settings in
                settings.kafka.properties.keys.sorted().map { ("kafka.properties." + $0, "is looked at") }
            }
            Issue.record("what was found was not told")
        } catch {
            #expect("\(error)" == "line 4: kafka.properties.security.protocol: is looked at\nline 5: kafka.properties.sasl.password: is looked at")
        }
    }

    @Test func anotherSecretInTheSameFileIsAChange() throws {
        let file = path + ".token"
        defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
        func settings(_ token: String) throws -> Settings {
            try token.write(toFile: file, atomically: false, encoding: .utf8)
            return try Settings.load(file: nil, environment: [:], overrides: ["http.token_file=\(file)"])
        }
        let (first, same, second) = (try settings("one"), try settings("one"), try settings("two"))
        #expect(first.changes(to: same).refused == [] && first.changes(to: second).refused == ["http.token_file"])
    }
}
