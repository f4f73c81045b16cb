/// Which variables of the environment are the configuration's.
enum EnvironmentNames {
    static let prefix = "FRESHET_"

    /// Whether a variable with the prefix is for somebody else: for the kernels, for tests, or what Kubernetes tells every
    /// pod of a service whose name begins with `freshet` (kubernetes.io/docs/concepts/services-networking/service).
    static func isForeign(_ name: String, value: String) -> Bool {
        let rest = name.dropFirst(prefix.count)
        if ["ISA", "COMMIT", "FUZZ"].contains(rest) || rest.hasPrefix("TEST_") { return true }
        let isAddress = ["tcp://", "udp://", "sctp://"].contains { value.hasPrefix($0) }
        if isAddress, rest == "PORT" || rest.hasSuffix("_PORT") { return true }
        return name.hasSuffix("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.contains(/_PORT_[0-9]+_(TCP|UDP|SCTP)(_|$)/)
    }
}
