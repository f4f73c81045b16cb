internal import Foundation

/// The terminal on standard output.
public enum Terminal {
    public static let isThere = isatty(STDOUT_FILENO) == 1

    /// Columns and rows; those of the smallest common terminal where it does not say.
    public static var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }
}
