extension Array {
    /// Leaves the first `count` by an order, in any order among themselves (quickselect, Hoare 1961).
    ///
    /// - Parameter isBefore: a strict order; where no two are equal by it, which ones stay is certain.
    @inlinable public mutating func keepFirst(_ kept: Int, by isBefore: (Element, Element) -> Bool) {
        guard count > kept else { return }
        guard kept > 0 else { return removeAll(keepingCapacity: true) }
        var (low, high) = (0, count - 1)
        while low < high {
            let pivot = self[(low + high) / 2]
            var (left, right) = (low, high)
            while left <= right {
                while isBefore(self[left], pivot) { left += 1 }
                while isBefore(pivot, self[right]) { right -= 1 }
                if left <= right {
                    swapAt(left, right)
                    left += 1
                    right -= 1
                }
            }
            if kept - 1 <= right { high = right } else if kept - 1 >= left { low = left } else { break }
        }
        removeLast(count - kept)
    }
}
