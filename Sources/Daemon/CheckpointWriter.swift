public import Checkpoints
public import Delivery
internal import Dispatch
internal import Foundation
internal import Glibc
public import Logging
public import StateStore
internal import Synchronization

/// Writes checkpoints beside the engine, one at a time: the stream goes on meanwhile. Each is written by a thread of
/// low priority: where processors are few, events come before checkpoints.
public final class CheckpointWriter: CheckpointStore, Sendable {
    private let store: StateStore
    /// Copies the state now and then, beside everything else.
    private let keeper: GenerationKeeper
    private let logger: Logger
    private let outcome = Mutex<CheckpointOutcome?>(nil)
    private let underway = DispatchGroup()
    /// A tenth of a processor at least, where others want all of it.
    private static let niceness: Int32 = 10

    public init(_ store: StateStore, keeper: GenerationKeeper, logger: Logger) {
        self.store = store
        self.keeper = keeper
        self.logger = logger
    }

    public func start(_ checkpoint: Checkpoint) {
        underway.enter()
        let thread = Thread { [self] in
            // Refused or not, the checkpoint is written.
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
            let written = write(checkpoint)
            outcome.withLock { $0 = written }
            underway.leave()
        }
        thread.name = "freshet-state"
        thread.start()
    }

    public func takeOutcome() -> CheckpointOutcome? {
        outcome.withLock { outcome in
            let taken = outcome
            outcome = nil
            return taken
        }
    }

    public func waitForOutcome() -> CheckpointOutcome? {
        underway.wait()
        return takeOutcome()
    }

    public func finish(_ checkpoint: Checkpoint) -> CheckpointOutcome {
        underway.wait()
        return write(checkpoint)
    }

    private func keepGenerationIfDue() {
        switch keeper.takeOutcome() {
        case .success(let took): logger.info("kept a copy of the state", metadata: ["took": "\(took)"])
        case .failure(let error): logger.error("the state could not be copied, the older copy stays: \(error)")
        case nil: break
        }
        keeper.keepIfDue(now: .now)
    }

    private func write(_ checkpoint: Checkpoint) -> CheckpointOutcome {
        do throws(StateStoreError) {
            try store.write(checkpoint)
            // A state that has read nothing is worth no copy.
            if !checkpoint.offsets.isEmpty { keepGenerationIfDue() }
            return .written
        } catch {
            return CheckpointOutcome(failed: checkpoint, error: error)
        }
    }
}
