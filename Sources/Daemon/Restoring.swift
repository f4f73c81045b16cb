internal import Checkpoints
public import Engine
internal import Events
public import StateStore

/// Makes an engine of a stored state.
public enum Restoring {
    /// Rows between two calls of `onProgress`: some tenths of a second.
    private static let progressRows = 50_000

    /// The engine of the state in a directory, for reading, whatever model it is of: a daemon may be running on it.
    ///
    /// - Parameter configuration: what the state does not say.
    /// - Throws: `.state` where nothing is stored there, too.
    public static func storedEngine(
        in directory: String, _ configuration: EngineConfiguration
    ) throws(DaemonError) -> Engine {
        let store: StateStore
        var configuration = configuration
        do throws(StateStoreError) {
            store = try StateStore(reading: directory)
            if let stored = try store.modelDescription(), !configuration.adopt(stored) {
                throw store.damage("it holds a model of encoder \(stored.encoder), which this version does not know")
            }
        } catch {
            throw .state(error)
        }
        guard let engine = try engine(from: store, configuration, onProgress: { _ in }) else {
            throw .state(.nothingThere(path: directory))
        }
        return engine
    }

    /// - Parameter onProgress: told how many rows are restored, now and then.
    /// - Returns: nil where nothing is stored yet.
    public static func engine(
        from store: StateStore, _ configuration: EngineConfiguration, onProgress: (Int) -> Void
    ) throws(DaemonError) -> Engine? {
        do {
            guard let stored = try store.modelDescription() else { return nil }
            var restorer = try EngineRestorer(configuration, stored: stored)
            var failure: EngineError?
            var rows = 0
            func count() {
                rows += 1
                if rows % progressRows == 0 { onProgress(rows) }
            }
            try store.forEachItem { row in
                guard failure == nil else { return }
                do throws(EngineError) { try restorer.add(row) } catch { failure = error }
                count()
            }
            if let failure { throw failure }
            try store.forEachUser { row in
                guard failure == nil else { return }
                do throws(EngineError) { try restorer.add(row) } catch { failure = error }
                count()
            }
            if let failure { throw failure }
            onProgress(rows)
            return try restorer.finish(blobs: try store.blobs(), offsets: try store.offsets())
        } catch let error as EngineError {
            throw .engine(error)
        } catch let error as StateStoreError {
            throw .state(error)
        } catch {
            throw .state(store.damage("\(error)"))
        }
    }
}
