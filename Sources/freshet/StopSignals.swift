import Dispatch
import Foundation
import ServiceLifecycle
import Synchronization

/// SIGTERM and SIGINT, from the first moment of a command that runs for long. The first of them ends this service, and
/// with it the group that it is in, whenever it came; a second SIGINT ends the process at once, with exit code 130.
///
/// The signals arrive on a queue of their own: no thread that is busy or stuck keeps them waiting.
final class StopSignals: Service {
    private let requests: AsyncStream<Void>
    private let request: AsyncStream<Void>.Continuation
    private let isAsked = Mutex(false)
    private let beforeEndingAtOnce: @Sendable () -> Void

    /// 128 and the number of SIGINT, as shells have it.
    private static let interrupted: Int32 = 130

    /// From here on the signals no longer end the process by themselves.
    ///
    /// - Parameter beforeEndingAtOnce: runs before a second SIGINT ends the process; must be quick.
    init(beforeEndingAtOnce: @escaping @Sendable () -> Void = {}) {
        (requests, request) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.beforeEndingAtOnce = beforeEndingAtOnce
        let queue = DispatchQueue(label: "freshet-signals")
        let registered = DispatchGroup()
        for signal in [SIGTERM, SIGINT] {
            let source = DispatchSource.makeSignalSource(signal: signal, queue: queue)
            // The source lives as long as the process: its own handler holds it.
            source.setEventHandler { withExtendedLifetime(source) { self.receive(signal) } }
            registered.enter()
            source.setRegistrationHandler { registered.leave() }
            source.resume()
        }
        registered.wait()
    }

    /// Until somebody asks for the end.
    func run() async throws {
        for await _ in requests.cancelOnGracefulShutdown() { return }
    }

    private func receive(_ signal: Int32) {
        let isFirst = isAsked.withLock { isAsked in
            defer { isAsked = true }
            return !isAsked
        }
        request.yield()
        if !isFirst, signal == SIGINT {
            beforeEndingAtOnce()
            _exit(Self.interrupted)
        }
    }
}
