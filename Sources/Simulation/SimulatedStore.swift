public import Checkpoints
public import Delivery
public import Events
internal import StateStore

/// Checkpoints onto the simulated disk, beside the loop as in the daemon: a write takes a while, and its
/// outcome comes later.
public final class SimulatedStore: CheckpointStore {
    let world: SimulatedWorld
    /// The call at which the write under way is over.
    private var doneAt: Int?
    private var outcome: CheckpointOutcome?

    /// A write takes this many calls at most.
    private static let callsMax = 25

    init(_ world: SimulatedWorld) { self.world = world }

    public func start(_ checkpoint: Checkpoint) {
        let fault = world.enter(.startCheckpoint)
        defer { world.leave(fault) }
        guard !world.isCrashed else { return }
        world.disk.begin(checkpoint)
        doneAt = world.calls + world.draw(below: Self.callsMax)
    }

    public func takeOutcome() -> CheckpointOutcome? {
        if let doneAt, world.calls >= doneAt { settle() }
        defer { outcome = nil }
        return outcome
    }

    public func waitForOutcome() -> CheckpointOutcome? {
        settle()
        return takeOutcome()
    }

    public func finish(_ checkpoint: Checkpoint) -> CheckpointOutcome {
        settle()
        let earlier = outcome
        outcome = nil
        start(checkpoint)
        settle()
        let own = outcome ?? Self.dead
        outcome = earlier
        return own
    }

    /// Ends the write under way.
    private func settle() {
        guard doneAt != nil else { return }
        doneAt = nil
        let fault = world.enter(.finishCheckpoint)
        defer { world.leave(fault) }
        guard !world.isCrashed else { return }
        switch fault {
        case .diskFull:
            outcome = CheckpointOutcome(failed: world.disk.finish(.full), error: .diskFull(path: "simulated"))
        case .diskFails:
            outcome = CheckpointOutcome(failed: world.disk.finish(.failed), error: Self.failure)
        case .diskFailsLate:
            outcome = CheckpointOutcome(failed: world.disk.finish(.failedButWritten), error: Self.failure)
        default:
            _ = world.disk.finish(.written)
            outcome = .written
        }
    }

    private static let failure = StateStoreError.writeFailed(path: "simulated", reason: "input/output error")
    private static let dead = CheckpointOutcome(failed: nil, error: failure)
}

/// The world's clocks, as a loop asks them.
public struct SimulatedTime: TimeSource {
    let world: SimulatedWorld

    public func elapsed() -> Duration { world.clock.monotonic }

    public func wall() -> Timestamp { world.clock.wall }
}
