import NIOCore
import NIOHTTP1
import NIOPosix

/// An HTTP/1.1 server on a free port of 127.0.0.1 that hands each whole request to a closure.
///
/// A connection answers its requests one after the other and stays open between them. A closure that is still at work
/// is cancelled when its connection closes.
enum LoopbackServer {
  struct Request: Sendable {
    let method: String
    /// The target without its query.
    let path: String
    fileprivate let headers: HTTPHeaders
    let body: [UInt8]

    func header(_ name: String) -> String? { headers.first(name: name) }
  }

  struct Answer: Sendable {
    var status = 200
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    var ending = Ending.whole
  }

  /// What follows the body of an answer.
  enum Ending: Sendable {
    case whole
    /// More bytes are announced, but none come, and the connection stays open.
    case stalled
    /// More bytes are announced, but the connection ends.
    case cutOff
  }

  /// Runs a server for as long as `body`, which is given the port, takes. Then every connection is closed.
  ///
  /// The connections are closed through the listener's future and not consumed as an asynchronous sequence of
  /// `NIOAsyncChannel`: a server that is cancelled with an accepted connection still in that sequence traps
  /// (https://github.com/apple/swift-nio/issues/2637).
  static func run<Value: Sendable>(
    answering answer: @escaping @Sendable (Request) async throws -> Answer,
    _ body: @Sendable (Int) async throws -> Value
  ) async throws -> Value {
    let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .serverChannelOption(.backlog, value: 256)
      .childChannelInitializer { channel in
        channel.parent?.closeFuture.whenComplete { _ in channel.close(promise: nil) }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(ConnectionHandler(answer: answer))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    do {
      guard let port = listener.localAddress?.port else { throw ChannelError.unknownLocalAddress }
      let value = try await body(port)
      try await listener.close()
      return value
    } catch {
      // Fails only where it is closed already.
      try? await listener.close()
      throw error
    }
  }
}

/// Collects the requests of one connection and writes their answers.
///
/// The pipeline of `configureHTTPServerPipeline` holds a request back until the one before it is answered.
private final class ConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart

  private let answer: @Sendable (LoopbackServer.Request) async throws -> LoopbackServer.Answer
  private var head: HTTPRequestHead?
  private var body = ByteBuffer()
  private var task: Task<Void, Never>?

  init(answer: @escaping @Sendable (LoopbackServer.Request) async throws -> LoopbackServer.Answer) {
    self.answer = answer
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body.clear()
    case .body(var part): body.writeBuffer(&part)
    case .end:
      guard let head else { return }
      let request = LoopbackServer.Request(
        method: head.method.rawValue, path: String(head.uri.prefix { $0 != "?" }), headers: head.headers,
        body: [UInt8](body.readableBytesView))
      task = Task { [answer, channel = context.channel] in
        // A connection that is gone needs no answer.
        try? await ConnectionHandler.reply(to: request, by: answer, keepingAlive: head.isKeepAlive, on: channel)
      }
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    task?.cancel()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  /// Writes what `answer` returns, or status 500 with what it throws.
  private static func reply(
    to request: LoopbackServer.Request,
    by answer: @Sendable (LoopbackServer.Request) async throws -> LoopbackServer.Answer, keepingAlive: Bool,
    on channel: any Channel
  ) async throws {
    let reply: LoopbackServer.Answer
    do {
      reply = try await answer(request)
    } catch {
      reply = LoopbackServer.Answer(status: 500, body: Array("\(error)".utf8))
    }
    var headers = HTTPHeaders(reply.headers.map { ($0.key, $0.value) })
    let missing = reply.ending == .whole ? 0 : 4096
    headers.add(name: "content-length", value: "\(reply.body.count + missing)")
    headers.add(name: "connection", value: keepingAlive ? "keep-alive" : "close")
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status), headers: headers)
    channel.write(HTTPServerResponsePart.head(head), promise: nil)
    let sent = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: reply.body)))
    switch reply.ending {
    case .whole:
      channel.write(sent, promise: nil)
      try await channel.writeAndFlush(HTTPServerResponsePart.end(nil))
      if !keepingAlive { try await channel.close() }
    case .stalled: try await channel.writeAndFlush(sent)
    case .cutOff:
      try await channel.writeAndFlush(sent)
      try await channel.close()
    }
  }
}
