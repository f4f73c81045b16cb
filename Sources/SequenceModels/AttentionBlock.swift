public import Tensors

// P = positions of a batch, D = width, F = width of the feed-forward layer

/// One block of an `AttentionEncoder`: x += Attention(Norm(x)), then x += W₂ f(W₁ Norm(x) + b).
///
/// Norms stand before what they feed (Xiong et al. 2020): a step at the first event's rate is then stable
/// without a warm-up. Owns its parameters and what a step leaves for the way back.
public final class AttentionBlock {
    public internal(set) var attentionNorm: NormLayer
    public internal(set) var queryLayer: LinearLayer
    public internal(set) var keyLayer: LinearLayer
    public internal(set) var valueLayer: LinearLayer
    public internal(set) var outputLayer: LinearLayer
    /// What is added to the score of each distance, from 0, [heads x distances].
    public internal(set) var distances: Parameter
    public internal(set) var forwardNorm: NormLayer
    /// D to F, with its bias [1 x F], and back.
    public internal(set) var wideningLayer: LinearLayer
    public internal(set) var wideningBias: Parameter
    public internal(set) var narrowingLayer: LinearLayer

    public let activation: Activation
    private let dropoutShare: Float
    private var attention: CausalAttention

    // What the forward pass leaves, [P x D] and [P x F].
    private var attentionInputs: Matrix
    private var queries: Matrix
    private var keys: Matrix
    private var values: Matrix
    private var attended: Matrix
    private var forwardInputs: Matrix
    private var wideValues: Matrix
    private var activated: Matrix
    /// What dropout multiplied the two results by, where it did.
    private var attentionMask: Matrix
    private var forwardMask: Matrix

    /// Weights uniform in ±1/√D; what is added to the stream is held smaller, the more so where there are many blocks.
    init(
        _ name: String, _ configuration: AttentionConfiguration, positionsMax: Int, dimensions: Int,
        using generator: inout SeededGenerator
    ) {
        let (heads, wide) = (configuration.heads, configuration.expansion * dimensions)
        precondition(dimensions % heads == 0, "heads share the width evenly")
        let limit = 1 / Float(dimensions).squareRoot()
        let addedLimit = configuration.addedShare * limit / Float(2 * configuration.blocks).squareRoot()
        attentionNorm = NormLayer(name + ".attention_norm", positionsMax: positionsMax, dimensions: dimensions)
        queryLayer = LinearLayer(name + ".query.weight", inputs: dimensions, outputs: dimensions, limit: limit, using: &generator)
        keyLayer = LinearLayer(name + ".key.weight", inputs: dimensions, outputs: dimensions, limit: limit, using: &generator)
        valueLayer = LinearLayer(name + ".value.weight", inputs: dimensions, outputs: dimensions, limit: limit, using: &generator)
        outputLayer = LinearLayer(name + ".output.weight", inputs: dimensions, outputs: dimensions, limit: addedLimit, using: &generator)
        distances = Parameter(name + ".distance_bias", rows: heads, columns: configuration.distancesMax)
        forwardNorm = NormLayer(name + ".forward_norm", positionsMax: positionsMax, dimensions: dimensions)
        wideningLayer = LinearLayer(name + ".forward_1.weight", inputs: dimensions, outputs: wide, limit: limit, using: &generator)
        wideningBias = Parameter(name + ".forward_1.bias", rows: 1, columns: wide)
        narrowingLayer = LinearLayer(
            name + ".forward_2.weight", inputs: wide, outputs: dimensions,
            limit: addedLimit / Float(configuration.expansion).squareRoot(), using: &generator)
        outputLayer.weights.rateScale = configuration.addedShare
        narrowingLayer.weights.rateScale = configuration.addedShare
        activation = configuration.activation
        dropoutShare = configuration.blockDropoutShare
        attention = CausalAttention(positionsMax: positionsMax, heads: heads, width: dimensions / heads)
        attentionInputs = Matrix(rows: positionsMax, columns: dimensions)
        queries = Matrix(rows: positionsMax, columns: dimensions)
        keys = Matrix(rows: positionsMax, columns: dimensions)
        values = Matrix(rows: positionsMax, columns: dimensions)
        attended = Matrix(rows: positionsMax, columns: dimensions)
        forwardInputs = Matrix(rows: positionsMax, columns: dimensions)
        wideValues = Matrix(rows: positionsMax, columns: wide)
        activated = Matrix(rows: positionsMax, columns: wide)
        attentionMask = Matrix(rows: positionsMax, columns: dimensions)
        forwardMask = Matrix(rows: positionsMax, columns: dimensions)
    }

    /// Adds both results to the stream, [P x D].
    func forward(
        _ stream: inout Matrix, _ layout: borrowing WindowLayout, _ scratch: inout AttentionScratch, dropout: inout Dropout
    ) {
        let rows = layout.positionCount
        scratch.spread(distances.value, length: layout.lengthMax)
        attentionNorm.forward(stream, rows: rows, into: &attentionInputs)
        queryLayer.forward(attentionInputs, rows: rows, into: &queries, accumulating: false)
        keyLayer.forward(attentionInputs, rows: rows, into: &keys, accumulating: false)
        valueLayer.forward(attentionInputs, rows: rows, into: &values, accumulating: false)
        var place = 0
        for window in layout.windows {
            attention.forward(
                queries: queries, keys: keys, values: values, rows: window,
                place: place, offsets: scratch.offsets, into: &attended)
            place = CausalAttention.place(after: place, positions: window.count)
        }
        Self.add(
            &outputLayer, attended, rows: rows, to: &stream, &attentionMask, &scratch.result,
            dropout: &dropout, share: dropoutShare)
        forwardNorm.forward(stream, rows: rows, into: &forwardInputs)
        wideningLayer.forward(forwardInputs, rows: rows, into: &wideValues, accumulating: false)
        activation.forward(bias: wideningBias.value, &wideValues, into: &activated, rows: 0..<rows)
        Self.add(
            &narrowingLayer, activated, rows: rows, to: &stream, &forwardMask, &scratch.result,
            dropout: &dropout, share: dropoutShare)
    }

    /// stream += mask ∘ layer(x)
    private static func add(
        _ layer: inout LinearLayer, _ x: borrowing Matrix, rows: Int, to stream: inout Matrix, _ mask: inout Matrix,
        _ result: inout Matrix, dropout: inout Dropout, share: Float
    ) {
        guard dropout.isActive else { return layer.forward(x, rows: rows, into: &stream, accumulating: true) }
        layer.forward(x, rows: rows, into: &result, accumulating: false)
        dropout.draw(&mask, rows: 0..<rows, share: share)
        stream.addProduct(result, mask, rows: 0..<rows)
    }

    /// From the gradient of the stream after the block to that before it, in place, [P x D].
    func backward(_ gradient: inout Matrix, _ layout: borrowing WindowLayout, _ scratch: inout AttentionScratch) {
        let rows = layout.positionCount
        Self.propagate(
            &narrowingLayer, gradient, activated, rows: rows, into: &scratch.wide, forwardMask, &scratch.result,
            isDropping: scratch.isDropping)
        activation.backward(
            wideValues, gradient: &scratch.wide, biasGradient: &wideningBias.gradient, rows: 0..<rows)
        wideningLayer.backward(scratch.wide, forwardInputs, rows: rows, into: &scratch.result, accumulating: false)
        forwardNorm.backward(scratch.result, rows: rows, addingTo: &gradient)

        Self.propagate(
            &outputLayer, gradient, attended, rows: rows, into: &scratch.attended, attentionMask, &scratch.result,
            isDropping: scratch.isDropping)
        scratch.clearOffsets(length: layout.lengthMax)
        var place = 0
        for window in layout.windows {
            attention.backward(
                queries: queries, keys: keys, values: values, rows: window,
                place: place, gradient: scratch.attended, queriesGradient: &scratch.queries, keysGradient: &scratch.keys,
                valuesGradient: &scratch.values, offsetsGradient: &scratch.offsets)
            place = CausalAttention.place(after: place, positions: window.count)
        }
        scratch.collect(into: &distances.gradient, length: layout.lengthMax)
        queryLayer.backward(scratch.queries, attentionInputs, rows: rows, into: &scratch.result, accumulating: false)
        keyLayer.backward(scratch.keys, attentionInputs, rows: rows, into: &scratch.result, accumulating: true)
        valueLayer.backward(scratch.values, attentionInputs, rows: rows, into: &scratch.result, accumulating: true)
        attentionNorm.backward(scratch.result, rows: rows, addingTo: &gradient)
    }

    /// The way back of `add`: the gradient of x from that of the stream.
    private static func propagate(
        _ layer: inout LinearLayer, _ gradient: borrowing Matrix, _ x: borrowing Matrix, rows: Int,
        into xGradient: inout Matrix, _ mask: borrowing Matrix, _ result: inout Matrix, isDropping: Bool
    ) {
        guard isDropping else { return layer.backward(gradient, x, rows: rows, into: &xGradient, accumulating: false) }
        result.copy(gradient, rows: 0..<rows)
        result.multiply(rows: 0..<rows, by: mask)
        layer.backward(result, x, rows: rows, into: &xGradient, accumulating: false)
    }

    func forEachParameter(_ body: (inout Parameter) -> Void) {
        attentionNorm.forEachParameter(body)
        body(&queryLayer.weights)
        body(&keyLayer.weights)
        body(&valueLayer.weights)
        body(&outputLayer.weights)
        body(&distances)
        forwardNorm.forEachParameter(body)
        body(&wideningLayer.weights)
        body(&wideningBias)
        body(&narrowingLayer.weights)
    }
}
