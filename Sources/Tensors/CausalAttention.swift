internal import CKernels

// T = positions of a window, W = width of a head

/// Softmax attention of each position of a window to itself and those before it (Vaswani et al. 2017), with a
/// learned offset for each distance (Raffel et al. 2020): what a position is to another depends on how far
/// they are apart, never on where the window began, so that keys and values can be kept from event to event.
///
/// Keeps the weights of every window of a batch for the way back, packed square after square. The rows of a
/// window stand together.
@safe public struct CausalAttention: ~Copyable {
    public let heads: Int
    public let width: Int
    public let positionsMax: Int

    /// For each head positionsMax rows of room.
    private let weights: ReservedMemory<Float>
    /// Keys, or values, of a window as columns, [W x T].
    private let columns: ReservedMemory<Float>
    /// Gradient of a window's weights, then of its scores, [T x T].
    private let square: ReservedMemory<Float>

    /// Rows of a square that are computed together: of the triangle above the diagonal little is computed.
    private static let blockRows = 16

    /// - Parameter width: of a head; a multiple of 16 where there are several, whose columns stand side by side.
    public init(positionsMax: Int, heads: Int, width: Int) {
        precondition(positionsMax > 0 && heads > 0 && width > 0, "there is something to attend to")
        precondition(heads == 1 || width % Matrix.paddingUnit == 0, "several heads are each a multiple of 16 wide")
        self.heads = heads
        self.width = width
        self.positionsMax = positionsMax
        let area = positionsMax * Self.stride(positionsMax)
        weights = ReservedMemory(count: heads * area)
        columns = ReservedMemory(count: width * Self.stride(positionsMax))
        square = ReservedMemory(count: area)
    }

    private static func stride(_ count: Int) -> Int { (count + 15) / 16 * 16 }

    /// Where the square of the window behind one that starts at `place` starts; the first starts at 0.
    public static func place(after place: Int, positions: Int) -> Int { place + positions * stride(positions) }

    /// For each position of `rows`: Σ weight · value of it and those before it.
    ///
    /// - Parameters:
    ///   - place: where the window's square starts.
    ///   - offsets: what is added to the score of each distance, the last column that of distance 0,
    ///     [heads x at least T].
    ///   - output: overwritten, [P x heads · W].
    public mutating func forward(
        queries: borrowing Matrix, keys: borrowing Matrix, values: borrowing Matrix, rows: Range<Int>, place: Int,
        offsets: borrowing Matrix, into output: inout Matrix
    ) {
        check(queries, keys, values, output, rows, offsets)
        let (count, stride) = (rows.count, Self.stride(rows.count))
        for head in 0..<heads {
            let column = head * width
            let start = unsafe square(of: head, at: place)
            unsafe turn(keys.pointer(rows.lowerBound) + column, keys.stride, count)
            for first in Swift.stride(from: 0, to: count, by: Self.blockRows) {
                let height = min(Self.blockRows, count - first)
                let (row, reach) = (rows.lowerBound + first, first + height)
                let block = unsafe start + first * stride
                unsafe kn_gemm_f32(
                    queries.pointer(row) + column, queries.stride, 1, columns.start, stride, block, stride, height, reach,
                    width, false)
                unsafe kn_causal_softmax_f32(
                    block, stride, stride, offsets.pointer(head), offsets.columns, scale, first, height)
                unsafe kn_gemm_f32(
                    block, stride, 1, values.pointer(rows.lowerBound) + column, values.stride,
                    output.pointer(row) + column, output.stride, height, width, reach, false)
            }
        }
    }

    /// The same for the last position of `rows` only; nothing is kept for the way back.
    public mutating func forwardLast(
        queries: borrowing Matrix, keys: borrowing Matrix, values: borrowing Matrix, rows: Range<Int>,
        offsets: borrowing Matrix, into output: inout Matrix
    ) {
        check(queries, keys, values, output, rows, offsets)
        let (count, last) = (rows.count, rows.upperBound - 1)
        output.fill(0, rows: last..<last + 1)
        for head in 0..<heads {
            let column = head * width
            unsafe square.start.update(repeating: 0, count: count)
            unsafe kn_gemv_f32(
                keys.pointer(rows.lowerBound) + column, keys.stride, queries.pointer(last) + column, square.start, count,
                width)
            unsafe kn_causal_softmax_f32(
                square.start, count, count, offsets.pointer(head), offsets.columns, scale, count - 1, 1)
            unsafe kn_gemv_transposed_f32(
                values.pointer(rows.lowerBound) + column, values.stride, square.start, output.pointer(last) + column, count,
                width)
        }
    }

    /// The same for one position whose query stands at `row` of a matrix, and whose result goes there: among keys and
    /// values that are kept in int8, in any order, its own among them.
    ///
    /// - Parameters:
    ///   - rows: of the keys and values that it attends to.
    ///   - offsets: what is added to the score of each of them, in their order, in the last columns,
    ///     [heads x at least T].
    public mutating func forwardNext(
        queries: borrowing Matrix, row: Int, keys: borrowing QuantizedRows, values: borrowing QuantizedRows,
        rows: Range<Int>, offsets: borrowing Matrix, into output: inout Matrix
    ) {
        let (count, total) = (rows.count, heads * width)
        precondition(
            queries.columns == total && keys.columns == total && values.columns == total && output.columns == total,
            "heads side by side")
        precondition(
            rows.upperBound <= min(keys.capacity, values.capacity) && count > 0 && count <= positionsMax
                && offsets.rows == heads && offsets.columns >= count,
            "the rows are there, and an offset for each")
        output.fill(0, rows: row..<row + 1)
        for head in 0..<heads {
            let column = head * width
            unsafe square.start.update(repeating: 0, count: count)
            unsafe kn_gemv_i8f32(
                keys.pointer(rows.lowerBound) + column, keys.stride, keys.scales(rows.lowerBound),
                queries.pointer(row) + column, square.start, count, width)
            unsafe kn_causal_softmax_f32(
                square.start, count, count, offsets.pointer(head), offsets.columns, scale, count - 1, 1)
            unsafe kn_gemv_transposed_i8f32(
                values.pointer(rows.lowerBound) + column, values.stride, values.scales(rows.lowerBound), square.start,
                output.pointer(row) + column, count, width)
        }
    }

    /// The gradient of the last `forward` of a window; that of the offsets is added to, the others are written.
    ///
    /// - Parameter gradient: dL/d(output), [P x heads · W].
    public mutating func backward(
        queries: borrowing Matrix, keys: borrowing Matrix, values: borrowing Matrix, rows: Range<Int>, place: Int,
        gradient: borrowing Matrix, queriesGradient: inout Matrix, keysGradient: inout Matrix,
        valuesGradient: inout Matrix, offsetsGradient: inout Matrix
    ) {
        check(queries, keys, values, gradient, rows, offsetsGradient)
        check(queriesGradient, keysGradient, valuesGradient, gradient, rows, offsetsGradient)
        let (count, stride, origin) = (rows.count, Self.stride(rows.count), rows.lowerBound)
        for head in 0..<heads {
            let column = head * width
            let start = unsafe square(of: head, at: place)
            unsafe turn(values.pointer(origin) + column, values.stride, count)
            // From the last block, which reaches every row, to the first: what it writes the others add to.
            let last = (count - 1) / Self.blockRows * Self.blockRows
            for first in Swift.stride(from: last, through: 0, by: -Self.blockRows) {
                let isLast = first == last
                let height = min(Self.blockRows, count - first)
                let (row, reach) = (origin + first, first + height)
                let block = unsafe start + first * stride
                let slopes = unsafe square.start + first * stride
                let arriving = unsafe gradient.pointer(row) + column
                unsafe kn_gemm_f32(
                    arriving, gradient.stride, 1, columns.start, stride, slopes, stride, height, reach, width, false)
                unsafe kn_causal_softmax_backward_f32(
                    block, slopes, stride, stride, offsetsGradient.pointer(head), offsetsGradient.columns, scale, first,
                    height)
                unsafe kn_gemm_f32(
                    slopes, stride, 1, keys.pointer(origin) + column, keys.stride, queriesGradient.pointer(row) + column,
                    queriesGradient.stride, height, width, reach, false)
                unsafe kn_gemm_f32(
                    slopes, 1, stride, queries.pointer(row) + column, queries.stride,
                    keysGradient.pointer(origin) + column, keysGradient.stride, reach, width, height, !isLast)
                unsafe kn_gemm_f32(
                    block, 1, stride, arriving, gradient.stride, valuesGradient.pointer(origin) + column,
                    valuesGradient.stride, reach, width, height, !isLast)
            }
        }
    }

    private var scale: Float { 1 / Float(width).squareRoot() }

    private func square(of head: Int, at place: Int) -> UnsafeMutablePointer<Float> {
        unsafe weights.start + head * (weights.count / heads) + place
    }

    /// Rows of W floats as the columns of `columns`. What stands behind them makes scores of nobody, which the softmax
    /// takes for zero.
    private func turn(_ source: UnsafePointer<Float>, _ sourceStride: Int, _ count: Int) {
        unsafe kn_transpose_f32(source, sourceStride, columns.start, Self.stride(count), count, width)
    }

    private func check(
        _ first: borrowing Matrix, _ second: borrowing Matrix, _ third: borrowing Matrix, _ fourth: borrowing Matrix,
        _ rows: Range<Int>, _ offsets: borrowing Matrix
    ) {
        let width = heads * width
        precondition(
            first.columns == width && second.columns == width && third.columns == width && fourth.columns == width,
            "heads side by side")
        precondition(
            rows.upperBound <= min(first.rows, second.rows) && rows.upperBound <= min(third.rows, fourth.rows)
                && rows.count <= positionsMax && offsets.rows == heads && offsets.columns >= rows.count,
            "the window is there, and an offset for each distance")
    }
}
