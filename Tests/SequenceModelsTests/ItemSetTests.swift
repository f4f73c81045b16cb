import Testing

@testable import SequenceModels

@Suite struct ItemSetTests {
    /// Few are compared, many are looked up: nobody can tell.
    @Test(arguments: [0, 1, 16, 17, 63, 64, 65, 500]) func itHasItsMembersAndNoOthers(count: Int) {
        let members = (0..<count).map { ItemIndex($0 * 3 + 1) }
        let set = ItemSet(members.reversed() + members)
        #expect(set.count == 2 * count && set.isEmpty == (count == 0))
        for item in 0..<ItemIndex(3 * count + 200) { #expect(set.contains(item) == (item % 3 == 1 && Int(item) / 3 < count)) }
    }

    @Test func itIsWrittenAsAList() {
        let set: ItemSet = [4, 2]
        #expect(set.members == [4, 2] && set.contains(2) && !set.contains(3))
    }
}
