internal import Checkpoints
public import Engine
internal import Events
internal import Logging
internal import Settings
public import StateStore

/// Makes the engine of a stored state.
public enum Restoring {
    /// - Returns: nil where nothing is stored yet.
    public static func engine(
        from store: StateStore, _ configuration: EngineConfiguration
    ) throws(DaemonError) -> Engine? {
        do {
            guard let stored = try store.modelDescription() else { return nil }
            var restorer = try EngineRestorer(configuration, stored: stored)
            var failure: EngineError?
            try store.forEachItem { row in
                guard failure == nil else { return }
                do throws(EngineError) { try restorer.add(row) } catch { failure = error }
            }
            if let failure { throw failure }
            try store.forEachUser { row in
                guard failure == nil else { return }
                do throws(EngineError) { try restorer.add(row) } catch { failure = error }
            }
            if let failure { throw failure }
            return try restorer.finish(blobs: try store.blobs(), offsets: try store.offsets())
        } catch let error as EngineError {
            throw .engine(error)
        } catch let error as StateStoreError {
            throw .state(error)
        } catch {
            throw .state(store.damage("\(error)"))
        }
    }

    /// The engine of the stored state where there is one, else a new one.
    static func engine(
        from store: StateStore, _ settings: Settings, logger: Logger
    ) throws(DaemonError) -> Engine {
        let configuration = EngineConfiguration(settings)
        if let engine = try engine(from: store, configuration) {
            logger.info(
                "restored",
                metadata: [
                    "items": "\(engine.itemCount)", "users": "\(engine.userCount)",
                    "model_version": "\(engine.modelVersion)",
                ])
            return engine
        }
        logger.info("starting without stored state", metadata: ["directory": "\(store.directory)"])
        do throws(EngineError) { return try Engine(configuration) } catch { throw .engine(error) }
    }
}
