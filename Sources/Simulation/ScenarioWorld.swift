public import Delivery

/// A delivery world made of the simulated one. What is put around its parts is the identity here; a test
/// puts a bug there, to see that it is found.
public protocol ScenarioWorld: DeliveryWorld where Time == SimulatedTime {
    static func consumer(_ consumer: SimulatedConsumer) -> Consumer
    /// Reads the changelog of sessions.
    static func reader(_ reader: SimulatedConsumer) -> Reader
    static func producer(_ producer: SimulatedProducer) -> Producer
    static func store(_ store: SimulatedStore) -> Store
    /// What a restart reads.
    static func restored(_ state: StoredState) -> StoredState
}

/// The world as it is.
public enum FaithfulWorld: ScenarioWorld {
    public typealias Consumer = SimulatedConsumer
    public typealias Reader = SimulatedConsumer
    public typealias Producer = SimulatedProducer
    public typealias Store = SimulatedStore
    public typealias Time = SimulatedTime

    public static func consumer(_ consumer: SimulatedConsumer) -> SimulatedConsumer { consumer }
    public static func reader(_ reader: SimulatedConsumer) -> SimulatedConsumer { reader }
    public static func producer(_ producer: SimulatedProducer) -> SimulatedProducer { producer }
    public static func store(_ store: SimulatedStore) -> SimulatedStore { store }
    public static func restored(_ state: StoredState) -> StoredState { state }
}
