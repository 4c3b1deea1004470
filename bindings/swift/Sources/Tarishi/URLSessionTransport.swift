// The platform's own HTTP: its TLS, proxies and connections.

import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// HTTP by `URLSession`, in place of the library's own.
///
/// It follows no redirects, keeps neither answers nor cookies, gives up on an answer that is too long, and never sends a request
/// again: the library does, and knows what may be repeated.
public final class URLSessionTransport: HttpTransport {
    private let exchanges = Exchanges()
    private let session: URLSession

    /// `configure` sees the configuration before it is used: for proxies, or to forbid expensive networks.
    public init(configure: (URLSessionConfiguration) -> Void = { _ in }) {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.urlCache = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        configuration.httpCookieStorage = nil
        configuration.httpShouldSetCookies = false
        configuration.urlCredentialStorage = nil
        configure(configuration)
        session = URLSession(configuration: configuration, delegate: exchanges, delegateQueue: nil)
    }

    deinit {
        // The session holds its delegate until then.
        session.invalidateAndCancel()
    }

    /// Sends one request; cancelled with its task.
    public func send(request: HttpRequest) async throws -> HttpResponse {
        guard let url = URL(string: request.url) else { throw ClientError.Wait(reason: "the server's address is no URL") }
        var outgoing = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalCacheData)
        // Foundation on Linux counts whole seconds and hears of a timeout only when it is set on its own.
        outgoing.timeoutInterval = max(1, request.timeout.rounded(.up))
        outgoing.httpMethod = request.method
        outgoing.httpShouldHandleCookies = false
        for header in request.headers { outgoing.setValue(header.value, forHTTPHeaderField: header.name) }
        if request.method != "GET" { outgoing.httpBody = request.body }
        #if canImport(FoundationNetworking)
            // libcurl sends a request again, POST or not, if a connection it used before turns out to be dead.
            outgoing.setValue("close", forHTTPHeaderField: "Connection")
        #endif
        let task = session.dataTask(with: outgoing)
        let limit = Int(clamping: request.responseBytesMax)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                exchanges.begin(task.taskIdentifier, Exchange(limit: limit, continuation: continuation))
                task.resume()
            }
        } onCancel: {
            task.cancel()
        }
    }
}

/// An exchange under way.
private struct Exchange {
    let limit: Int
    let continuation: CheckedContinuation<HttpResponse, any Error>
    var body = Data()
    var tooLong = false
}

/// Hears what `URLSession` says, from its own queue.
private final class Exchanges: NSObject, URLSessionDataDelegate, Sendable {
    private let running = Locked<[Int: Exchange]>([:])

    func begin(_ id: Int, _ exchange: Exchange) {
        running.with { $0[id] = exchange }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse, newRequest: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        // The redirect itself is the answer.
        completionHandler(nil)
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, needNewBodyStream completionHandler: @escaping @Sendable (InputStream?) -> Void
    ) {
        // Asked for a second body, that is for a second sending.
        completionHandler(nil)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let tooLong = running.with { running in
            guard var exchange = running.removeValue(forKey: dataTask.taskIdentifier) else { return false }
            // Taken out while it grows, so that its bytes are not copied each time.
            exchange.tooLong = exchange.tooLong || data.count > exchange.limit - exchange.body.count
            if !exchange.tooLong { exchange.body.append(data) }
            defer { running[dataTask.taskIdentifier] = exchange }
            return exchange.tooLong
        }
        if tooLong { dataTask.cancel() }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        guard let exchange = running.with({ $0.removeValue(forKey: task.taskIdentifier) }) else { return }
        if exchange.tooLong {
            exchange.continuation.resume(throwing: ClientError.Bug(reason: "the answer is too long"))
        } else if let error {
            exchange.continuation.resume(throwing: meaning(of: error))
        } else if let response = task.response as? HTTPURLResponse {
            exchange.continuation.resume(returning: answer(response, exchange.body))
        } else {
            exchange.continuation.resume(throwing: ClientError.Bug(reason: "the answer was no HTTP"))
        }
    }
}

private func answer(_ response: HTTPURLResponse, _ body: Data) -> HttpResponse {
    let headers = response.allHeaderFields.compactMap { name, value -> HttpHeader? in
        guard let name = name as? String, let value = value as? String else { return nil }
        return HttpHeader(name: name, value: value)
    }
    return HttpResponse(status: UInt16(clamping: response.statusCode), headers: headers, body: body)
}

/// `Wait` says that the request never reached the server. What may have reached it must not be called that.
private func meaning(of error: any Error) -> any Error {
    guard let error = error as? URLError else { return ClientError.Bug(reason: "HTTP failed") }
    switch error.code {
    case .cannotFindHost, .cannotConnectToHost, .dnsLookupFailed, .notConnectedToInternet, .dataNotAllowed,
        .internationalRoamingOff, .callIsActive, .secureConnectionFailed, .serverCertificateHasBadDate,
        .serverCertificateUntrusted, .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid,
        .appTransportSecurityRequiresSecureConnection, .unsupportedURL, .badURL:
        return ClientError.Wait(reason: "the server could not be reached (\(error.code.rawValue))")
    case .cancelled:
        return ClientError.Stopped
    default:
        // The code alone: descriptions hold addresses.
        return ClientError.Bug(reason: "the exchange broke off (\(error.code.rawValue))")
    }
}
