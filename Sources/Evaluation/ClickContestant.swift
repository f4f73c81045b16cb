internal import Engine
internal import Events
internal import Learning
internal import SequenceModels

/// The textbook network of click prediction beside the models of an engine: it learns the same events, each as a
/// click after what its user did before, with items that did not come as what was no click.
///
/// One network, 32 pairs a step, Adam, binary cross-entropy; rows are the engine's.
final class ClickContestant {
    static let name = "click-network"

    private struct Pair {
        var item: ItemIndex
        var window: [SessionEvent]
        var isClicked: Bool
    }

    private let network: ClickNetwork
    private let length: Int
    private var pairs: [Pair] = []
    private var generator: SeededGenerator
    private var learned = 0

    private static let rate: Float = 0.001

    init(_ configuration: EngineConfiguration, seed: UInt64) {
        let shape = ConvolutionConfiguration()
        length = shape.length
        network = ClickNetwork(
            shape, dimensions: configuration.learner.dimensions, itemsMax: configuration.learner.itemsMax,
            rate: Self.rate, seed: seed)
        generator = SeededGenerator(seed: seed &+ 2)
    }

    /// Learns on until `count` events of the schedule are learned. The engine has learned them already.
    func learn(through count: Int, of schedule: Schedule, _ history: EventHistory, _ engine: borrowing Engine) {
        while learned < count {
            let place = Int(schedule.learned[learned])
            learned += 1
            let window = window(before: place, history, engine)
            guard !window.isEmpty, let item = engine.row(of: history.item(at: place)) else { continue }
            take(Pair(item: item, window: window, isClicked: true))
            for _ in 0..<ClickMetrics.negatives {
                let other = ItemIndex(generator.next(below: engine.itemCount))
                if other != item { take(Pair(item: other, window: window, isClicked: false)) }
            }
        }
    }

    /// The probability of each of some items at a place of the history, whose event has not been learned.
    func probabilities(
        of items: [ItemIndex], at place: Int, _ history: EventHistory, _ engine: borrowing Engine
    ) -> [Float] {
        network.probabilities(of: items, after: window(before: place, history, engine).span)
    }

    private func take(_ pair: Pair) {
        pairs.append(pair)
        guard pairs.count == ClickNetwork.batchMax else { return }
        for pair in pairs { network.stage(pair.item, after: pair.window.span, isClicked: pair.isClicked) }
        network.step()
        pairs.removeAll(keepingCapacity: true)
    }

    /// The newest events of the user whose items are known.
    private func window(before place: Int, _ history: EventHistory, _ engine: borrowing Engine) -> [SessionEvent] {
        var window: [SessionEvent] = []
        var before: Timestamp?
        for earlier in history.trail(before: place).suffix(length - 1) {
            let time = history.timestamp(at: Int(earlier))
            let gap = before.map { SessionEvent.gapBucket(milliseconds: time.milliseconds - $0.milliseconds) } ?? 0
            before = time
            guard let item = engine.row(of: history.item(at: Int(earlier))) else { continue }
            window.append(SessionEvent(item: item, gap: gap))
        }
        return window
    }
}
