internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes

/// One connection: ends it where a request does not come whole, or an answer is not taken, in time, and answers what is
/// no HTTP with a problem as everything else.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let requestTime: TimeAmount
    private var deadline: Scheduled<Void>?
    /// Requests whose head has come and whose answer has not gone.
    private var unanswered = 0
    /// Between the head of a request and its end.
    private var isReading = false
    /// Why the connection is read no further.
    private var refusal: Problem?

    /// How long a client that is refused may take to read why.
    private static let lingerTime = TimeAmount.seconds(1)

    init(limits: HTTPLimits) {
        requestTime = TimeAmount(limits.requestTime)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { watch(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
        watch(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head: (unanswered, isReading) = (unanswered + 1, true)
        case .body: break
        case .end: isReading = false
        }
        watch(context)
        context.fireChannelRead(data)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        watch(context)
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as HTTPParserError:
            refusal = Problem(parserError: error)
            context.fireErrorCaught(error)
        case is IOError, is ChannelError:
            context.fireErrorCaught(error)
        default:
            // A head that parses and is still no request: answered as one that does not parse.
            refusal = Problem(.badRequest, "the request is no HTTP request that this server knows")
            context.fireErrorCaught(HTTPParserError.unknown)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch Self.unwrapOutboundIn(data) {
        case .head(let head):
            // The server's own answer to what does not parse has no body.
            guard let refusal, head.status == .badRequest, head.headerFields[.contentLength] == "0" else { break }
            let body = refusal.body
            var response = HTTPResponse(status: .init(code: refusal.status), headerFields: refusal.headers)
            response.headerFields[.connection] = "close"
            response.headerFields[.contentLength] = "\(body.count)"
            context.write(Self.wrapOutboundOut(.head(response)), promise: promise)
            context.write(Self.wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil)
            return
        case .body:
            break
        case .end:
            unanswered = max(0, unanswered - 1)
            if refusal != nil {
                isReading = false
                start(context, Self.lingerTime)
            } else {
                restart(context)
            }
        }
        context.write(data, promise: promise)
    }

    /// Only the service's own time is not counted: while a request is whole and its answer on the way.
    private func watch(_ context: ChannelHandlerContext) {
        guard refusal == nil else { return }
        if unanswered > 0, !isReading, context.channel.isWritable {
            deadline?.cancel()
            deadline = nil
        } else if deadline == nil {
            start(context, requestTime)
        }
    }

    private func restart(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        watch(context)
    }

    private func start(_ context: ChannelHandlerContext, _ time: TimeAmount) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { context.close(promise: nil) }
    }
}

extension Problem {
    init(parserError error: HTTPParserError) {
        switch error {
        case .headerOverflow:
            self.init(.requestHeaderFieldsTooLarge, "the line and headers of the request are longer than this server reads")
        case .invalidMethod:
            self.init(.notImplemented, "the method is none that this server knows")
        case .invalidVersion:
            self.init(.init(code: 505, reasonPhrase: "HTTP Version Not Supported"), "this server speaks HTTP/1.1")
        default:
            self.init(.badRequest, "the request is not HTTP/1.1: \(error.debugDescription)")
        }
    }
}
