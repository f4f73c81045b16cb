import Checkpoints
import Events
import Testing

@testable import Simulation

@Suite struct SimulatedDiskTests {
    private func checkpoint(_ version: UInt64) -> Checkpoint {
        Checkpoint(
            model: ModelDescription(encoder: "gru", dimensions: 16, modelVersion: version),
            blobs: ["learner": [UInt8(version)]],
            offsets: [TopicPartition(topic: "events", partition: 0): Int64(version)])
    }

    @Test func aCheckpointIsWholeOrNotThere() {
        var disk = SimulatedDisk()
        disk.begin(checkpoint(1))
        _ = disk.finish(.written)
        for outcome in [SimulatedDisk.Outcome.full, .failed] {
            disk.begin(checkpoint(2))
            #expect(disk.finish(outcome)?.model.modelVersion == 2)
            #expect(disk.state.model?.modelVersion == 1)
        }
        disk.begin(checkpoint(3))
        disk.crash(damagesNewest: false)
        #expect(disk.state.model?.modelVersion == 1)
        #expect(disk.finish(.written) == nil, "what was torn does not come back")
    }

    @Test func theGenerationBeforeIsKept() {
        var disk = SimulatedDisk()
        for version in [1, 2] as [UInt64] {
            disk.begin(checkpoint(version))
            _ = disk.finish(.written)
        }
        disk.crash(damagesNewest: true)
        #expect(disk.state.blobs == ["learner": [1]])
        disk.begin(checkpoint(3))
        _ = disk.finish(.failedButWritten)
        disk.crash(damagesNewest: false)
        #expect(disk.state.differences(from: StoredState()) == ["model", "offsets", "blob learner"])
    }

    @Test func theWallClockJumpsAndTheOtherDoesNot() {
        var clock = SimulatedClock(start: Timestamp(milliseconds: 10_000))
        clock.advance(by: .milliseconds(1500))
        clock.jump(milliseconds: -5000)
        #expect(clock.monotonic == .milliseconds(1500))
        #expect(clock.wall == Timestamp(milliseconds: 6500))
    }
}
