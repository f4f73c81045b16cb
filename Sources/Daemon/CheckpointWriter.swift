public import Checkpoints
public import Delivery
internal import Dispatch
internal import Foundation
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
    private let told = Mutex(Told())
    /// A tenth of a processor at least, where others want all of it.
    private static let niceness: Int32 = 10
    /// Checkpoints after which a log that somebody reads still is worth a line.
    private static let fullLogsMax = 30

    /// What is logged once, or now and then.
    private struct Told {
        var isPriority = false
        /// Checkpoints in a row after which the log could not be emptied.
        var fullLogs = 0
    }

    public init(_ store: StateStore, keeper: GenerationKeeper, logger: Logger) {
        self.store = store
        self.keeper = keeper
        self.logger = logger
    }

    public func start(_ checkpoint: Checkpoint) {
        underway.enter()
        let thread = Thread { [self] in
            // Refused or not, the checkpoint is written.
            tellPriority(ThreadPriority.lower(to: Self.niceness))
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

    /// Changes the time between copies of the state.
    func setCopyInterval(_ interval: Duration) { keeper.setInterval(interval) }

    /// After the last checkpoint: ends the copy that is being made, and makes one where the last holds users who were
    /// forgotten.
    func close() {
        keeper.close(timeout: Self.closingTimeout)
        tellCopy()
    }

    private static let closingTimeout = Duration.seconds(3)

    private func write(_ checkpoint: Checkpoint) -> CheckpointOutcome {
        do throws(StateStoreError) {
            tellLog(isEmpty: try store.write(checkpoint))
            if checkpoint.forgetsUsers { keeper.noteErasure() }
            // A state that has read nothing is worth no copy.
            if !checkpoint.offsets.isEmpty {
                tellCopy()
                keeper.keepIfDue(now: .now)
            }
            return .written
        } catch {
            return CheckpointOutcome(failed: checkpoint, error: error)
        }
    }

    private func tellCopy() {
        switch keeper.takeOutcome() {
        case .success(let took): logger.info("kept a copy of the state", metadata: ["took": "\(took)"])
        case .failure(let error): logger.error("the state could not be copied, the older copy stays: \(error)")
        case nil: break
        }
        tellPriority(keeper.takePriorityRefusal())
    }

    private func tellPriority(_ refusal: String?) {
        guard let refusal, told.withLock({ !exchangeTrue(&$0.isPriority) }) else { return }
        logger.notice(
            "checkpoints are written at the priority of everything else: the system does not let it be lowered",
            metadata: ["setpriority": "\(refusal)"])
    }

    private func tellLog(isEmpty: Bool) {
        let count = told.withLock { told in
            told.fullLogs = isEmpty ? 0 : told.fullLogs + 1
            return told.fullLogs
        }
        guard count > 0, count % Self.fullLogsMax == 0 else { return }
        logger.warning(
            "the state's log could not be emptied for \(count) checkpoints: somebody keeps reading state.sqlite; it grows, and holds users who were forgotten")
    }

    /// Sets a flag.
    ///
    /// - Returns: what it was.
    private func exchangeTrue(_ flag: inout Bool) -> Bool {
        defer { flag = true }
        return flag
    }
}
