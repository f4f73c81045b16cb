internal import Foundation

/// Lines of quality over a stream as one self-contained SVG: axes, labels, a legend, white behind it.
public struct QualityPlot: Sendable {
    public let title: String
    private let lines: [Line]

    private struct Line {
        var name: String
        var windowLength: Int
        var values: [Double]
        var mean: Double { values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count) }
    }

    // In pixels.
    private static let width = 960.0
    private static let height = 520.0
    private static let plot = (left: 64.0, right: 700.0, top: 48.0, bottom: 464.0)
    private static let legendRow = 22.0

    /// Told apart without seeing red and green (Okabe and Ito 2008); when they run out, dashes tell.
    private static let colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a6d00"]
    private static let dashes = ["", "7 4", "2 3"]

    init(title: String, series: [(name: String, series: QualitySeries)]) {
        self.title = title
        lines = series.map { Line(name: $0.name, windowLength: $0.series.windowLength, values: $0.series.values) }
            .filter { !$0.values.isEmpty }
            .sorted { ($1.mean, $0.name) < ($0.mean, $1.name) }
    }

    private init(title: String, lines: [Line]) {
        self.title = title
        self.lines = lines.sorted { ($1.mean, $0.name) < ($0.mean, $1.name) }
    }

    /// The lines of both, under this title.
    public func joined(with other: QualityPlot) -> QualityPlot { QualityPlot(title: title, lines: lines + other.lines) }

    public func svg() -> String {
        let scored = Double(lines.map { $0.values.count * $0.windowLength }.max() ?? 1)
        let vertical = Axis(upTo: lines.flatMap(\.values).max() ?? 0)
        let horizontal = Axis(upTo: scored)
        // The line ends where the stream does, not at the next round number.
        let frame = Frame(xMax: scored, yMax: vertical.end)
        var parts = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" "
                + "width=\"\(Int(Self.width))\" height=\"\(Int(Self.height))\" font-family=\"sans-serif\" font-size=\"13\">",
            "<title>\(Self.escaped(title))</title>",
            "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
            Self.text(title, x: Self.plot.left, y: 28, anchor: "start", extra: " font-size=\"16\" fill=\"#222222\""),
        ]
        parts += gridLines(vertical, horizontal, frame)
        for (place, line) in lines.enumerated() { parts += [polyline(line, place, frame), legend(line, place)] }
        if lines.isEmpty {
            parts.append(Self.text("no event was scored", x: 382, y: 256, anchor: "middle", extra: " fill=\"#666666\""))
        }
        return (parts + ["</svg>", ""]).joined(separator: "\n")
    }

    private func gridLines(_ vertical: Axis, _ horizontal: Axis, _ frame: Frame) -> [String] {
        var parts: [String] = []
        for tick in vertical.ticks {
            let y = frame.y(tick)
            let color = tick == 0 ? "#666666" : "#e2e2e2"
            parts.append(Self.rule(x1: Self.plot.left, y1: y, x2: Self.plot.right, y2: y, color))
            parts.append(Self.text(Self.label(tick), x: Self.plot.left - 8, y: y + 4, anchor: "end", extra: " fill=\"#444444\""))
        }
        for tick in horizontal.ticks where tick <= frame.xMax {
            let x = frame.x(tick)
            parts.append(Self.rule(x1: x, y1: Self.plot.bottom, x2: x, y2: Self.plot.bottom + 5, "#666666"))
            parts.append(Self.text(Self.label(tick), x: x, y: Self.plot.bottom + 20, anchor: "middle", extra: " fill=\"#444444\""))
        }
        let middle = (Self.plot.left + Self.plot.right) / 2
        parts.append(Self.text("scored events", x: middle, y: Self.height - 14, anchor: "middle", extra: " fill=\"#222222\""))
        let side = (Self.plot.top + Self.plot.bottom) / 2
        parts.append(
            Self.text(
                "recall@20", x: 0, y: 0, anchor: "middle",
                extra: " fill=\"#222222\" transform=\"translate(18 \(Self.number(side))) rotate(-90)\""))
        return parts
    }

    private func polyline(_ line: Line, _ place: Int, _ frame: Frame) -> String {
        // A point stands in the middle of its window.
        let points = line.values.enumerated().map { index, value in
            let x = (Double(index) + 0.5) * Double(line.windowLength)
            return Self.number(frame.x(x)) + "," + Self.number(frame.y(value))
        }
        return "<polyline points=\"\(points.joined(separator: " "))\" fill=\"none\" \(Self.stroke(place)) stroke-linejoin=\"round\"/>"
    }

    /// Name and mean of a line; the first of the legend is the best.
    private func legend(_ line: Line, _ place: Int) -> String {
        let y = Self.plot.top + 8 + Double(place) * Self.legendRow
        let left = Self.plot.right + 20
        return "<line x1=\"\(Self.number(left))\" y1=\"\(Self.number(y))\" x2=\"\(Self.number(left + 28))\" y2=\"\(Self.number(y))\" \(Self.stroke(place))/>"
            + Self.text(line.name, x: left + 36, y: y + 4, anchor: "start", extra: " fill=\"#222222\"")
            + Self.text(String(format: "%.3f", line.mean), x: Self.width - 16, y: y + 4, anchor: "end", extra: " fill=\"#444444\"")
    }

    private static func stroke(_ place: Int) -> String {
        let dash = dashes[place / colors.count % dashes.count]
        return "stroke=\"\(colors[place % colors.count])\" stroke-width=\"2\"" + (dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\"")
    }

    private static func rule(x1: Double, y1: Double, x2: Double, y2: Double, _ color: String) -> String {
        "<line x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\" stroke=\"\(color)\"/>"
    }

    private static func text(_ text: String, x: Double, y: Double, anchor: String, extra: String) -> String {
        "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\"\(extra)>\(escaped(text))</text>"
    }

    private static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
    }

    private static func number(_ value: Double) -> String { String(format: "%.1f", value) }

    /// 0.25, 5, 200k, 1.5M.
    private static func label(_ value: Double) -> String {
        switch value {
        case 1_000_000...: String(format: "%gM", value / 1_000_000)
        case 1000...: String(format: "%gk", value / 1000)
        default: String(format: "%g", (value * 1e6).rounded() / 1e6)
        }
    }

    /// From values to pixels.
    private struct Frame {
        var xMax: Double
        var yMax: Double

        func x(_ value: Double) -> Double { plot.left + (plot.right - plot.left) * min(1, value / max(xMax, 1)) }
        func y(_ value: Double) -> Double { plot.bottom - (plot.bottom - plot.top) * value / yMax }
    }

    /// Four to eight round steps from zero to at least the largest value.
    private struct Axis {
        let step: Double
        let end: Double

        init(upTo largest: Double) {
            let rough = max(largest, 1e-3) / 5
            let magnitude = pow(10, floor(log10(rough)))
            step = [1, 2, 5, 10].map { $0 * magnitude }.first { $0 >= rough * 0.8 } ?? 10 * magnitude
            end = step * max(1, (max(largest, 1e-3) / step).rounded(.up))
        }

        var ticks: [Double] { stride(from: 0, through: end + step / 2, by: step).map { $0 } }
    }
}
