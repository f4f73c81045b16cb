import Checkpoints
import Events
import Foundation
import Testing

@testable import StateStore

/// What is left of a user who was forgotten, in the bytes of every file of the directory.
@Suite struct ForgottenUsersTests {
    private let fixture = StoreFixture()
    private let forgotten = "somebody-who-asked-to-be-forgotten"

    /// 400 users beside the one, whose history fills pages of its own.
    private func checkpoint(version: UInt64, forgets: Bool) throws -> Checkpoint {
        var checkpoint = StoreFixture.checkpoint(version: version, items: 0..<20, users: 0..<400)
        let user = try #require(UserID(forgotten))
        if forgets {
            checkpoint.removedUsers = [user]
            checkpoint.forgetsUsers = true
        } else {
            let history = Array((forgotten + "'s history ").utf8)
            checkpoint.users.append(
                UserRow(id: user, lastActive: 1, payload: Array(repeatElement(history, count: 400).joined())))
        }
        return checkpoint
    }

    private func filesThatName() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: fixture.directory).sorted().filter { name in
            let bytes = try Data(contentsOf: URL(fileURLWithPath: fixture.directory + "/" + name))
            return bytes.range(of: Data(forgotten.utf8)) != nil
        }
    }

    @Test func areInNoByteOfTheStateAfterTheCheckpointThatForgetsThem() throws {
        let store = try StateStore(directory: fixture.directory)
        for version in 1...3 as ClosedRange<UInt64> { try store.write(checkpoint(version: version, forgets: false)) }
        #expect(try filesThatName() == ["state.sqlite"])
        #expect(try store.write(checkpoint(version: 4, forgets: true)))
        #expect(try filesThatName() == [])
        withExtendedLifetime(store) {}
    }

    /// A reader keeps the log; the first checkpoint after it does what was put off.
    @Test func areGoneOnceNobodyReadsTheOldStateAnyMore() throws {
        let store = try StateStore(directory: fixture.directory)
        try store.write(checkpoint(version: 1, forgets: false))
        let reader = try StateStore(reading: fixture.directory)
        var isEmpty = true
        try reader.forEachItem { row in
            if row.index == 0 { isEmpty = try store.write(checkpoint(version: 2, forgets: true)) }
        }
        #expect(!isEmpty)
        #expect(try store.write(StoreFixture.checkpoint(version: 3, items: 0..<20, users: 0..<400)))
        #expect(try filesThatName() == [])
    }

    @Test func leaveTheCopyWithinAMinute() throws {
        let store = try StateStore(directory: fixture.directory)
        let keeper = GenerationKeeper(store, interval: .seconds(3600))
        let start = ContinuousClock.now
        try store.write(checkpoint(version: 1, forgets: false))
        keeper.keepIfDue(now: start)
        try waitForCopy(keeper)
        try store.write(checkpoint(version: 2, forgets: true))
        keeper.noteErasure()
        keeper.keepIfDue(now: start + .seconds(59))
        #expect(keeper.takeOutcome() == nil)
        #expect(try filesThatName() == ["state.previous.sqlite"])
        keeper.keepIfDue(now: start + .seconds(60))
        try waitForCopy(keeper)
        #expect(try filesThatName() == [])
        // Once: the next copy is due an hour later again.
        keeper.keepIfDue(now: start + .seconds(3599))
        #expect(keeper.takeOutcome() == nil)
    }

    @Test func leaveTheCopyOfADaemonThatEndsBefore() throws {
        let store = try StateStore(directory: fixture.directory)
        let keeper = GenerationKeeper(store, interval: .seconds(3600))
        try store.write(checkpoint(version: 1, forgets: false))
        keeper.keepIfDue(now: .now)
        try store.write(checkpoint(version: 2, forgets: true))
        keeper.noteErasure()
        keeper.close(timeout: .seconds(30))
        #expect(try filesThatName() == [])
        #expect(try StateInspection(directory: fixture.directory).previous?.model?.version == 2)
    }

    /// A copy that a crash cut short is whatever the state was then.
    @Test func areNotInACopyThatWasNeverFinished() throws {
        try fixture.fill()
        try Data(forgotten.utf8).write(to: URL(fileURLWithPath: fixture.previous + ".part"))
        #expect(try filesThatName() == ["state.previous.sqlite.part"])
        let store = try StateStore(directory: fixture.directory)
        #expect(try filesThatName() == [])
        withExtendedLifetime(store) {}
    }

    private func waitForCopy(_ keeper: GenerationKeeper) throws {
        for _ in 0..<10_000 {
            if let outcome = keeper.takeOutcome() {
                _ = try outcome.get()
                return
            }
            usleep(1000)
        }
        Issue.record("the copy did not end")
    }
}
