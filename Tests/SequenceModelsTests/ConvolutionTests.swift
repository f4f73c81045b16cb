import Tensors
import Testing

@testable import SequenceModels

@Suite struct ConvolutionTests {
    private func subject(_ network: ConvolutionConfiguration.Network, dimensions: Int, length: Int) -> EncoderSubject {
        var configuration = ConvolutionConfiguration()
        configuration.network = network
        configuration.length = length
        configuration.filters = 8
        configuration.dilations = [1, 2]
        return EncoderSubject(dimensions: dimensions, scatter: 0.3) {
            ConvolutionEncoder(configuration, positionsMax: 100, dimensions: dimensions, using: &$0)
        }
    }

    /// Where a step crosses the corner of a ReLU or of a maximum, central differences see half of each side:
    /// most places must agree closely, and all together.
    @Test(arguments: [(5, 4, [3, 1, 5]), (16, 6, [9, 4]), (7, 8, [1, 1, 2])])
    func backwardOfTheTextbookNetworkIsTheGradientOfForward(dimensions: Int, length: Int, lengths: [Int]) {
        check(subject(.textbook, dimensions: dimensions, length: length), lengths)
    }

    @Test(arguments: [(5, [3, 1, 5]), (16, [9, 4]), (7, [1])])
    func backwardOfTheDilatedNetworkIsTheGradientOfForward(dimensions: Int, lengths: [Int]) {
        check(subject(.dilated, dimensions: dimensions, length: 4), lengths)
    }

    private func check(_ subject: EncoderSubject, _ lengths: [Int]) {
        let slopes = subject.slopes(EncoderSubject.windows(lengths, seed: 3), stride: 3, step: 0.002)
        let near = slopes.count { abs($0.analytic - $0.numeric) < 5e-3 * (1 + abs($0.numeric)) }
        #expect(slopes.count > 50)
        #expect(Double(near) >= 0.95 * Double(slopes.count), "\(near) of \(slopes.count)")
        let error = slopes.map { abs($0.analytic - $0.numeric) }.reduce(0, +) / slopes.map { abs($0.numeric) }.reduce(0, +)
        #expect(error < 0.02, "\(error)")
    }

    @Test(arguments: ConvolutionConfiguration.Network.allCases)
    func windowsDoNotReadEachOtherNorWhatComesAfter(network: ConvolutionConfiguration.Network) {
        let subject = subject(network, dimensions: 16, length: 6)
        let table = EncoderSubject.table(dimensions: 16)
        let windows = EncoderSubject.windows([9, 20, 1, 20], seed: 4)
        let together = subject.states(windows, table)
        for (place, window) in windows.enumerated() {
            for length in [1, window.count] {
                let alone = subject.states([Array(window.prefix(length))], table)[0]
                for (left, right) in zip(alone, together[place]) {
                    for (a, b) in zip(left, right) { #expect(abs(a - b) < 1e-4 * (1 + abs(b))) }
                }
            }
        }
    }

    @Test func theTextbookNetworkReadsItsLengthAndNoMore() {
        let subject = subject(.textbook, dimensions: 16, length: 6)
        let table = EncoderSubject.table(dimensions: 16)
        // No item twice, so that nothing is a repeat.
        let window = (0..<10).map { SessionEvent(item: ItemIndex($0)) }
        let whole = subject.states([window], table)[0]
        let newest = subject.states([Array(window.suffix(6))], table)[0]
        for (a, b) in zip(newest[5], whole[9]) { #expect(abs(a - b) < 1e-5) }
        let shorter = subject.states([Array(window.suffix(5))], table)[0]
        #expect(zip(shorter[4], whole[9]).contains { abs($0 - $1) > 1e-4 })
    }

    @Test func aClickNetworkLearnsWhichItemFollows() throws {
        var configuration = ConvolutionConfiguration()
        configuration.length = 6
        configuration.filters = 16
        let network = ClickNetwork(configuration, dimensions: 16, itemsMax: 20, rate: 0.003, seed: 1)
        var generator = SeededGenerator(seed: 2)
        #expect(network.step() == nil)
        var losses: [Float] = []
        // The next item of a circle is clicked, any other is not.
        for _ in 0..<400 {
            for pair in 0..<ClickNetwork.batchMax {
                let start = generator.next(below: 12)
                let window = (0..<4).map { SessionEvent(item: ItemIndex((start + $0) % 12)) }
                let isClicked = pair % 2 == 0
                let item = isClicked ? start + 4 : start + 5 + generator.next(below: 11)
                let isTaken = network.stage(ItemIndex(item % 12), after: window.span, isClicked: isClicked)
                #expect(isTaken)
            }
            let none: [SessionEvent] = []
            let isOneMoreTaken = network.stage(0, after: none.span, isClicked: true)
            #expect(!isOneMoreTaken, "a step is bounded")
            losses.append(try #require(network.step()))
        }
        let (first, last) = (losses.prefix(10).reduce(0, +) / 10, losses.suffix(10).reduce(0, +) / 10)
        #expect(last < first / 2, "\(first) to \(last)")
        let window = (0..<4).map { SessionEvent(item: ItemIndex($0)) }
        let (next, other) = (network.probability(of: 4, after: window.span), network.probability(of: 9, after: window.span))
        #expect(next > other)
    }

    @Test func aLengthThatCannotBePooledIsRefused() async {
        await #expect(processExitsWith: .failure) {
            var configuration = ConvolutionConfiguration()
            configuration.length = 5
            var generator = SeededGenerator(seed: 1)
            _ = ConvolutionEncoder(configuration, positionsMax: 4, dimensions: 16, using: &generator)
        }
    }
}
