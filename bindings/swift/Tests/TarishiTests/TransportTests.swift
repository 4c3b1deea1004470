// URLSession as the library's HTTP, against the scripted server over real HTTP.

import Foundation
import Tarishi
import TarishiTestKit
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite("URLSession", .enabled(if: Road.http != nil))
struct TransportTests {
    private func request(
        _ url: URL, method: String = "POST", timeout: TimeInterval = 10, limit: UInt64 = 1 << 20
    ) -> HttpRequest {
        let body = #"{"protocol":2,"exchange":1,"account":"acc_test","sent_at":"2026-03-01T08:00:00Z","cursor":null}"#
        let headers = [
            HttpHeader(name: "authorization", value: "Bearer t1"), HttpHeader(name: "content-type", value: "application/json"),
        ]
        return HttpRequest(
            method: method, url: url.appendingPathComponent("api/v2/sync").absoluteString, headers: headers, body: Data(body.utf8),
            timeout: timeout, responseBytesMax: limit)
    }

    private func serve(_ steps: [JSONValue]) async throws -> (ScenarioServer, URL) {
        let server = try await ScenarioServer.begin(.urlSession)
        try await server.script(steps)
        return (server, server.url)
    }

    @Test("a redirect is an answer and is not followed, and cookies are not kept")
    func redirects() async throws {
        let (_, url) = try await serve([
            ["status": 302, "headers": ["location": "/elsewhere", "set-cookie": "a=b"], "body": "moved"]
        ])
        let response = try await URLSessionTransport().send(request: request(url))
        #expect(response.status == 302)
        #expect(response.headers.contains { $0.name.lowercased() == "location" && $0.value == "/elsewhere" })
        #expect(HTTPCookieStorage.shared.cookies(for: url)?.isEmpty ?? true)
    }

    @Test("an answer that is too long is given up")
    func tooLong() async throws {
        let (_, url) = try await serve([["status": 200, "body": .string(String(repeating: "x", count: 100_000))]])
        let error = await thrown { _ = try await URLSessionTransport().send(request: request(url, limit: 50_000)) }
        guard case .Bug(let reason) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(reason.contains("too long"))
    }

    @Test("a server that is not there is Wait, since nothing was sent")
    func unreachable() async throws {
        for url in ["http://127.0.0.1:9", "http://no-such-host.invalid", "not a url"] {
            let error = await thrown { _ = try await URLSessionTransport().send(request: request(URL(string: url) ?? URL(fileURLWithPath: "/"))) }
            guard case .Wait = error else { return #expect(Bool(false), "\(url): \(String(describing: error))") }
        }
    }

    @Test("a connection that breaks after sending is not Wait, and the request is sent once")
    func lostAnswer() async throws {
        let server = try await ScenarioServer.begin(.urlSession)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tarishi-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let transport = URLSessionTransport()
        // A friendly exchange first, so that there is a connection to be used again.
        try await server.script([["status": 503], ["drop": "after"]])
        #expect(try await transport.send(request: request(server.url)).status == 503)
        let before = try await count(server)
        let error = await thrown { _ = try await transport.send(request: request(server.url)) }
        if case .Wait = error { #expect(Bool(false), "the request may have arrived") }
        #expect(error != nil)
        #expect(try await count(server) - before <= 1)
    }

    private func count(_ server: ScenarioServer) async throws -> Int {
        guard case .array(let requests) = try await server.requests() else { return 0 }
        return requests.count
    }

    @Test("a cancelled task ends the exchange, and the timeout ends it by itself")
    func ends() async throws {
        let (_, url) = try await serve([["hang": true], ["hang": true]])
        let began = Date()
        let sending = Task { try await URLSessionTransport().send(request: request(url, timeout: 60)) }
        try await Task.sleep(nanoseconds: 50_000_000)
        sending.cancel()
        await #expect(throws: (any Error).self) { try await sending.value }
        let error = await thrown { _ = try await URLSessionTransport().send(request: request(url, timeout: 1)) }
        if case .Wait = error { #expect(Bool(false), "the request may have arrived") }
        #expect(error != nil)
        #expect(Date().timeIntervalSince(began) < 20)
    }
}
