internal import Checkpoints
internal import Events
internal import Foundation
internal import Settings
internal import StateStore

/// What reads bytes from outside, one target each: any bytes give a value or a typed error, never a crash.
enum FuzzTarget: String, CaseIterable {
    case event
    case configuration
    case state
    case query
    case session
    case headers
    case starts

    /// The one that `FUZZ_TARGET` names.
    static let chosen: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            preconditionFailure("FUZZ_TARGET names one of \(allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return target
    }()

    /// Where inputs stand that are read from files.
    private static let directory: String = {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-fuzz-\(getpid())").path
        do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
            preconditionFailure("\(path): \(error)")
        }
        return path
    }()

    func run(_ bytes: [UInt8]) {
        switch self {
        case .event: Self.decodeEvent(bytes)
        case .configuration: Self.loadConfiguration(bytes)
        case .state: Self.inspectState(bytes)
        case .query: Self.parseQuery(bytes)
        case .session: Self.readSession(bytes)
        case .headers: Self.readHeaders(bytes)
        case .starts: Self.readStarts(bytes)
        }
    }

    /// The key up to the first zero, then the value. What is accepted keeps its promises, and is read back as it was.
    private static func decodeEvent(_ bytes: [UInt8]) {
        guard var decoder = EventDecoder(fields: EventFields(), limits: EventLimits()) else { return }
        let now = Timestamp(milliseconds: 1_767_225_600_000)
        let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map(Array.init)
        do throws(EventRefusal) {
            let record = try decoder.decode(
                key: parts[0], value: parts.count > 1 ? parts[1] : nil, recordTimestamp: now, now: now)
            guard case .event(let event) = record else { return }
            precondition((1...256).contains(event.user.text.utf8.count) && (1...256).contains(event.item.text.utf8.count))
            precondition(event.value?.isFinite ?? true)
            let again = try decoder.decode(key: nil, value: RecordEncoder.encode(event), recordTimestamp: nil, now: now)
            precondition(again == record, "an event that was written is read as it was")
        } catch {
            return
        }
    }

    /// The bytes as a file, and its lines as words of `--set`.
    private static func loadConfiguration(_ bytes: [UInt8]) {
        let path = directory + "/freshet.yaml"
        guard write(bytes, to: path) else { return }
        do throws(SettingsError) { _ = try Settings.load(file: path, environment: [:], overrides: []) } catch {}
        let words = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        do throws(SettingsError) { _ = try Settings.load(file: nil, environment: [:], overrides: words) } catch {}
    }

    /// The bytes over the beginning of a state file: damage is a finding, and reading goes on or is refused.
    private static func inspectState(_ bytes: [UInt8]) {
        let (state, folder) = (validState, directory + "/state")
        let path = folder + "/" + StateStore.fileName
        do { try FileManager.default.removeItem(atPath: folder) } catch {}
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch { return }
        guard write(bytes + state.dropFirst(bytes.count), to: path) else { return }
        do throws(StateStoreError) { _ = try StateInspection(directory: folder) } catch {}
        do throws(StateStoreError) {
            let store = try StateStore(reading: folder)
            _ = try store.modelDescription()
            _ = try store.offsets()
        } catch {}
    }

    /// The value of a record of the changelog. What is a session is written and read back as it was.
    private static func readSession(_ bytes: [UInt8]) {
        guard let session = KeptSession(json: bytes) else { return }
        precondition(KeptSession(json: RecordEncoder.encode(session)) == session)
    }

    /// The headers of a tombstone of the changelog: how far it goes up to the first zero, then ids. What is read is
    /// written as it was.
    private static func readHeaders(_ bytes: [UInt8]) {
        let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map(Array.init)
        if let source = RecordSource(header: parts[0]) {
            precondition(source.offset >= 0 && source.topicPartition.partition >= 0)
            precondition(Array(source.headerText.utf8) == parts[0])
        }
        guard parts.count > 1, let ids = RecentID.ids(parts[1]) else { return }
        precondition(ids.count <= KeptSession.entriesMax && RecentID.bytes(of: ids) == parts[1])
    }

    /// The bytes as the file beside the state that says where reading began.
    private static func readStarts(_ bytes: [UInt8]) {
        let folder = directory + "/valid"
        guard !validState.isEmpty, write(bytes, to: folder + "/state.starts.json") else { return }
        do throws(StateStoreError) {
            for next in try StateStore(reading: folder).unlearned().values { precondition(next >= 0) }
        } catch {}
    }

    /// The bytes of a small state as it should be.
    private static let validState: [UInt8] = {
        let folder = directory + "/valid"
        do throws(StateStoreError) {
            let store = try StateStore(directory: folder)
            // Leaving closes it, and moves the log into the file.
            try store.write(Checkpoint(model: ModelDescription(encoder: "gru", dimensions: 16, modelVersion: 1)))
        } catch {
            preconditionFailure("\(error)")
        }
        return FileManager.default.contents(atPath: folder + "/" + StateStore.fileName).map(Array.init) ?? []
    }()

    /// The count up to the first zero, then what is left out.
    private static func parseQuery(_ bytes: [UInt8]) {
        let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        do throws(ListQueryRefusal) {
            let query = try ListQuery(count: parts[0], exclude: parts.count > 1 ? parts[1] : nil)
            precondition(query.count.map { (1...ListQuery.countMax).contains($0) } ?? true)
        } catch {
            precondition(!error.message.isEmpty)
        }
    }

    private static func write(_ bytes: [UInt8], to path: String) -> Bool {
        FileManager.default.createFile(atPath: path, contents: Data(bytes))
    }
}
