internal import Checkpoints
internal import Engine
internal import Events
internal import Logging
internal import Settings
internal import StateStore

/// Makes the engine: from the stored state where there is one, else new.
enum Restoring {
    static func engine(
        from store: StateStore, _ settings: Settings, logger: Logger
    ) throws(DaemonError) -> Engine {
        let configuration = EngineConfiguration(settings)
        do {
            guard let stored = try store.modelDescription() else {
                logger.info("starting without stored state", metadata: ["directory": "\(store.directory)"])
                return try Engine(configuration)
            }
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
            let engine = try restorer.finish(blobs: try store.blobs(), offsets: try store.offsets())
            logger.info(
                "restored",
                metadata: [
                    "items": "\(engine.itemCount)", "users": "\(engine.userCount)",
                    "model_version": "\(engine.modelVersion)",
                ])
            return engine
        } catch let error as EngineError {
            throw .engine(error)
        } catch let error as StateStoreError {
            throw .state(error)
        } catch {
            throw .state(store.damage("\(error)"))
        }
    }
}
