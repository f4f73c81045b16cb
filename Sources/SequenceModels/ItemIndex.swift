/// The dense row of an item in every table of the model: 0..<V. Rows are given out in order of first
/// appearance, so an equal score that goes to the lower row goes to the older item.
public typealias ItemIndex = Int32
