// The roads to a scripted server, and how a scenario speaks to it on each.

import Foundation
import Tarishi
import TarishiTestKit

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// How a device reaches its server.
enum Road: String, Sendable, CaseIterable {
    /// The server is the transport.
    case memory
    /// The library's own HTTP.
    case library
    /// `URLSession`.
    case urlSession = "URLSession"

    /// The scripted server over HTTP, if one was started for this run.
    static var http: URL? {
        ProcessInfo.processInfo.environment["TARISHI_SCRIPTED_URL"].flatMap { URL(string: $0) }
    }
}

/// The scripted server of one scenario.
enum ScenarioServer: Sendable {
    case memory(ScriptedServer)
    case http(URL)

    static func begin(_ road: Road) async throws -> ScenarioServer {
        if road == .memory { return .memory(ScriptedServer()) }
        guard let http = Road.http else { throw Failure("TARISHI_SCRIPTED_URL is not set") }
        let begun = try JSONDecoder().decode(JSONValue.self, from: await ask("POST", http.appendingPathComponent("_sessions"), Data()))
        guard let url = begun["url"].text.flatMap({ URL(string: $0) }) else { throw Failure("a session has no url") }
        return .http(url)
    }

    var url: URL {
        switch self {
        case .memory: URL(string: "http://server.invalid")!
        case .http(let url): url
        }
    }

    func script(_ steps: [JSONValue]) async throws {
        let text = JSONValue.array(steps).written
        switch self {
        case .memory(let server): try server.script(steps: text)
        case .http(let url): _ = try await ask("POST", url.appendingPathComponent("_script"), Data(text.utf8))
        }
    }

    func set(unreachable: Bool) async throws {
        switch self {
        case .memory(let server): server.setUnreachable(unreachable: unreachable)
        case .http(let url): _ = try await ask("PUT", url.appendingPathComponent("_unreachable"), Data("\(unreachable)".utf8))
        }
    }

    func set(tokens: [String]?) async throws {
        switch self {
        case .memory(let server): server.setTokens(tokens: tokens)
        case .http(let url): _ = try await ask("PUT", url.appendingPathComponent("_tokens"), JSONEncoder().encode(tokens))
        }
    }

    func requests() async throws -> JSONValue {
        let data: Data
        switch self {
        case .memory(let server): data = Data(server.requests().utf8)
        case .http(let url): data = try await ask("GET", url.appendingPathComponent("_requests"), nil)
        }
        return try JSONDecoder().decode(JSONValue.self, from: data)
    }
}

/// One request of the test's own.
private func ask(_ method: String, _ url: URL, _ body: Data?) async throws -> Data {
    var request = URLRequest(url: url)
    request.httpMethod = method
    request.httpBody = body
    return try await withCheckedThrowingContinuation { continuation in
        let task = URLSession.shared.dataTask(with: request) { data, response, error in
            let status = (response as? HTTPURLResponse)?.statusCode ?? 0
            if (200..<300).contains(status) {
                continuation.resume(returning: data ?? Data())
            } else {
                let said = data.map { String(decoding: $0, as: UTF8.self) } ?? "\(String(describing: error))"
                continuation.resume(throwing: Failure("\(url.lastPathComponent): \(status): \(said)"))
            }
        }
        task.resume()
    }
}
