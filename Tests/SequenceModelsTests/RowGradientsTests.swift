import Tensors
import Testing

@testable import SequenceModels

@Suite struct RowGradientsTests {
    /// Steps are told apart by a stamp of twelve bits: what was touched as many steps ago must not read as touched now.
    @Test func aStepKnowsNothingOfOneLongAgo() {
        var source = Matrix(rows: 1, columns: 3)
        for column in 0..<3 { source[0, column] = Float(column + 1) }
        var rows = RowGradients(slotsMax: 4, dimensions: 3)
        rows.add(7, from: source, row: 0, scale: 1)
        rows.add(9, from: source, row: 0, scale: 1)
        for step in 1...9000 {
            rows.removeAll()
            #expect(rows.count == 0)
            // Now and then an item that was in another slot, or that has not been touched since the beginning.
            let item: ItemIndex = step % 4095 == 0 ? 9 : 7
            rows.add(item, from: source, row: 0, scale: 2)
            rows.add(item, from: source, row: 0, scale: 1)
            rows.addBias(item, 0.5)
            #expect(rows.items == [item] && rows.bias(at: 0) == 0.5)
            rows.withVector(at: 0) { vector in
                for column in 0..<3 { #expect(vector[column] == 3 * Float(column + 1)) }
            }
        }
    }

    @Test func aRowKeepsItsSlotWithinAStep() {
        var source = Matrix(rows: 1, columns: 1)
        source[0, 0] = 1
        var rows = RowGradients(slotsMax: 100, dimensions: 1)
        rows.removeAll()
        let items = (0..<100 as Range<ItemIndex>).map { 99_999 - 997 * $0 }
        rows.admit(items)
        for (place, item) in items.enumerated().reversed() { rows.add(item, from: source, row: 0, scale: Float(place)) }
        #expect(rows.items == items)
        for place in items.indices { rows.withVector(at: place) { #expect($0[0] == Float(place)) } }
    }
}
