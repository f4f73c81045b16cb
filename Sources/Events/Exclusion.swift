/// What a list leaves out.
public enum Exclusion: String, Sendable, CaseIterable, Codable {
    /// The item of the event that caused the list.
    case current
    /// Every item of the kept history.
    case seen
    /// Items of purchase events.
    case purchased
}
