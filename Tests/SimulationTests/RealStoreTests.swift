import Checkpoints
import Delivery
import Foundation
import StateStore
import Testing

@testable import Simulation

/// The same stories over the real state store in a real directory: whatever process comes next reads there
/// what the one that died had written, whole.
@Suite struct RealStoreTests {
    @Test(arguments: 0..<8 as Range<UInt64>) func aCrashLeavesTheLastCheckpointWhole(seed: UInt64) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-simulation-\(UUID().uuidString)")
        defer { do { try FileManager.default.removeItem(at: directory) } catch {} }
        var scenario = Scenario(seed: seed + 7_000)
        scenario.delivery.checkpointInterval = .milliseconds(40)
        // One machine, with the one directory.
        (scenario.machines, scenario.delivery.sessionsTopic) = (1, nil)
        // The generation before is the store's own affair, and has its own tests.
        let faults = scenario.faults.faults.filter { $0.fault != .crashAndDamage && $0.fault != .diskLost }
        scenario.faults = FaultPlan(faults + [(30, .crashBefore), (60, .crashAfter), (90, .crashBefore)])
        let verdict = RealStoreWorld.$directory.withValue(directory.path) { scenario.verdict(in: RealStoreWorld.self) }
        #expect(verdict.violations.isEmpty, "seed \(scenario.seed): \(verdict.violations)")
        #expect(verdict.processes > 3)
        let store = try StateStore(directory: directory.path)
        #expect(try store.offsets().isEmpty == false)
    }
}

/// A world whose checkpoints go to a real directory too, and whose processes read only that.
enum RealStoreWorld: PlantedWorld {
    typealias Consumer = SimulatedConsumer
    typealias Reader = SimulatedConsumer
    typealias Producer = SimulatedProducer
    typealias Time = SimulatedTime

    @TaskLocal static var directory = ""

    static func store(_ store: SimulatedStore) -> Store { Store(store) }

    static func restored(_ state: StoredState) -> StoredState {
        var found = StoredState()
        do {
            let store = try StateStore(directory: directory)
            guard let model = try store.modelDescription() else { return found }
            var checkpoint = Checkpoint(model: model, blobs: try store.blobs(), offsets: try store.offsets())
            try store.forEachItem { checkpoint.items.append($0) }
            try store.forEachUser { checkpoint.users.append($0) }
            found.apply(checkpoint)
        } catch { Issue.record("the state cannot be read: \(error)") }
        #expect(found.differences(from: state) == [], "what is on the disk is not what was written")
        return found
    }

    /// The simulated store says how a write ends; what it says is written goes to the real one.
    final class Store: CheckpointStore {
        private let simulated: SimulatedStore
        private let real: StateStore?
        private var underway: Checkpoint?
        private var generations: Int

        init(_ simulated: SimulatedStore) {
            self.simulated = simulated
            generations = simulated.world.disk.generations
            do {
                real = try StateStore(directory: RealStoreWorld.directory)
            } catch {
                real = nil
                Issue.record("\(error)")
            }
        }

        func start(_ checkpoint: Checkpoint) {
            underway = checkpoint
            simulated.start(checkpoint)
        }

        func takeOutcome() -> CheckpointOutcome? { follow(simulated.takeOutcome()) }
        func waitForOutcome() -> CheckpointOutcome? { follow(simulated.waitForOutcome()) }

        func finish(_ checkpoint: Checkpoint) -> CheckpointOutcome {
            underway = checkpoint
            let outcome = simulated.finish(checkpoint)
            return follow(outcome) ?? outcome
        }

        private func follow(_ outcome: CheckpointOutcome?) -> CheckpointOutcome? {
            guard simulated.world.disk.generations > generations, let checkpoint = underway else { return outcome }
            generations = simulated.world.disk.generations
            underway = nil
            do { try real?.write(checkpoint) } catch { Issue.record("\(error)") }
            return outcome
        }
    }
}
