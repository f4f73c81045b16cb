public import Events

/// Who asks, as far as a group's coordinator cares: a member and the generation it belongs to.
public struct GroupMembership: Equatable, Sendable {
    public var group: String
    public var member: String
    public var generation: Int32
}

/// What the coordinator keeps of one consumer group.
struct GroupState: Sendable {
    var generation: Int32 = 0
    /// In the order in which they joined.
    var members: [String] = []
    var assignments: [String: [TopicPartition]] = [:]
    /// Who reads a partition now: it goes to its next owner when this member lets go of it, or is gone.
    var holders: [TopicPartition: String] = [:]
    var committed: [TopicPartition: Int64] = [:]
    /// Offsets of open transactions, by producer.
    var pending: [Int64: [TopicPartition: Int64]] = [:]
}

/// The group coordinator. Who has which partition is decided when membership changes, and by whoever
/// drives the simulation.
extension SimulatedBroker {
    /// A member joins: a new generation, the partitions dealt out in turn.
    public mutating func join(_ member: String, group: String, topics: [String]) {
        var state = groups[group] ?? GroupState()
        if !state.members.contains(member) { state.members.append(member) }
        groups[group] = state
        rebalance(group, topics: topics)
    }

    /// A member leaves, or its session ran out.
    public mutating func leave(_ member: String, group: String, topics: [String]) {
        guard let state = groups[group], state.members.contains(member) else { return }
        groups[group]?.members.removeAll { $0 == member }
        groups[group]?.holders = state.holders.filter { $0.value != member }
        rebalance(group, topics: topics)
    }

    /// A member reads these partitions from now on.
    public mutating func hold(_ partitions: [TopicPartition], member: String, group: String) {
        for partition in partitions { groups[group]?.holders[partition] = member }
    }

    /// A member has let go of these partitions.
    public mutating func letGo(_ partitions: [TopicPartition], member: String, group: String) {
        for partition in partitions where groups[group]?.holders[partition] == member {
            groups[group]?.holders[partition] = nil
        }
    }

    /// A new generation: the partitions are dealt out in turn, beginning with another member each time.
    private mutating func rebalance(_ group: String, topics: [String]) {
        guard var state = groups[group] else { return }
        state.generation += 1
        state.assignments = [:]
        let partitions = topics.flatMap { self.partitions(of: $0) }
        for (place, partition) in partitions.enumerated() where !state.members.isEmpty {
            let member = state.members[(place + Int(state.generation)) % state.members.count]
            state.assignments[member, default: []].append(partition)
        }
        groups[group] = state
    }

    /// What a member may read, and in which generation. What another still holds is not in it.
    public func assignment(
        of member: String, group: String
    ) -> (partitions: [TopicPartition], membership: GroupMembership)? {
        guard let state = groups[group], state.members.contains(member) else { return nil }
        let partitions = (state.assignments[member] ?? []).filter { state.holders[$0].map { $0 == member } ?? true }
        return (
            partitions,
            GroupMembership(group: group, member: member, generation: state.generation)
        )
    }

    /// OffsetCommit.
    public mutating func commit(
        _ offsets: [TopicPartition: Int64], of membership: GroupMembership
    ) throws(BrokerRefusal) {
        try check(membership)
        groups[membership.group]?.committed.merge(offsets) { _, new in new }
    }

    /// OffsetFetch with `require_stable`, as a reader of committed records asks: waits for transactions
    /// that are about to change the answer.
    ///
    /// - Returns: partitions without a commit are absent.
    public func stableOffsets(
        of group: String, _ partitions: [TopicPartition]
    ) throws(BrokerRefusal) -> [TopicPartition: Int64] {
        guard let state = groups[group] else { return [:] }
        let isUnstable = state.pending.values.contains { offsets in partitions.contains { offsets[$0] != nil } }
        if isUnstable { throw .unstableOffsetCommit }
        return state.committed.filter { partitions.contains($0.key) }
    }

    /// What the group has committed, open transactions left aside.
    public func committedOffsets(of group: String) -> [TopicPartition: Int64] { groups[group]?.committed ?? [:] }

    func check(_ membership: GroupMembership) throws(BrokerRefusal) {
        guard let state = groups[membership.group], state.members.contains(membership.member) else {
            throw .unknownMember
        }
        guard state.generation == membership.generation else { throw .illegalGeneration }
    }
}
