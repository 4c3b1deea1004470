// A small app without a screen: pays, goes offline, comes back, opens a checkout page. Its twin is examples/kotlin-cli.
//
// It is told by the environment: TARISHI_SERVER (a Tarishi server on the sandbox's providers), TARISHI_TOKEN (a device's token
// there), TARISHI_SCRIPTED (the scripted server, which plays a provider with hosted pages), TARISHI_FOLDER (for the databases; one
// of its own if not said). bindings/tools/swift.sh starts all of them and compares what is printed with bindings/expected.txt.

import Foundation
import Tarishi

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What went wrong, in words.
struct Trouble: Error, CustomStringConvertible {
    let description: String
}

func setting(_ name: String) throws -> String {
    guard let value = ProcessInfo.processInfo.environment[name] else { throw Trouble(description: "\(name) is not set") }
    return value
}

func address(_ text: String) throws -> URL {
    guard let url = URL(string: text) else { throw Trouble(description: "no address: \(text)") }
    return url
}

/// What is printed is compared line by line.
func say(_ line: String) {
    print(line)
}

func queued(_ record: OperationRecord, _ amount: Money? = nil) {
    let sum = amount.map { " \($0.amount) \($0.currency)" } ?? ""
    say("queued \(record.key) \(record.adapter) \(record.action)\(sum)")
}

func ended(_ state: OperationState) {
    switch state.outcome {
    case .charged(let receipt?, _, _, _):
        say("\(state.record.key) \(state.state.word) receipt \(receipt)")
    case .messages(let messages):
        say("\(state.record.key) \(state.state.word) \(messages.count) message")
    default:
        say("\(state.record.key) \(state.state.word) \(state.problem?.detail ?? "without an outcome")")
    }
}

/// A parent pays; there is a network.
func pay(_ client: TarishiClient) async throws {
    say("== pay")
    let amount = Money.kes("1000.00")
    let payment = try await client.enqueue(
        Mpesa.charge(amount: amount, phone: "+254712345678", reference: "FEE-1", key: "fee-1", orderingKey: "student:881"))
    queued(payment, amount)
    let report = try await client.sync(deadline: 10)
    say("synced \(report.accepted) accepted")
    try client.start()
    ended(try await client.awaitEnd(payment.id))
    try await client.stop()
}

/// The network is gone; the app goes on as if it were there.
func goOffline(_ client: TarishiClient) async throws -> [UUID] {
    say("== offline")
    try client.setNetwork(.offline)
    say("offline")
    let amount = Money.kes("250.00")
    let payment = try await client.enqueue(
        Mpesa.charge(amount: amount, phone: "+254712345678", reference: "FEE-2", key: "fee-2", orderingKey: "student:881"))
    queued(payment, amount)
    let thanks = try await client.enqueue(
        Sms.send(to: "+254712345678", message: "Thank you, we got your payment.", key: "sms-1", orderingKey: "student:881"))
    queued(thanks)
    let why = try await client.why(payment.id)
    for await state in client.queue() {
        say("waiting \(state.unsent) because \(why.reason)")
        break
    }
    return [payment.id, thanks.id]
}

/// The network is back, and the library does the rest.
func comeBack(_ client: TarishiClient, _ ids: [UUID]) async throws {
    say("== back")
    try client.setNetwork(.unmetered)
    say("online")
    try client.start()
    for id in ids { ended(try await client.awaitEnd(id)) }
}

/// A provider with a hosted page: the payer opens it, then the payment ends.
func checkOut(_ client: TarishiClient, _ server: URL) async throws {
    say("== checkout")
    let amount = Money.kes("500.00")
    let payment = try await client.enqueue(
        Flutterwave.charge(
            amount: amount, reference: "FEE-3", email: "parent@example.org", method: .link,
            returnURL: URL(string: "https://school.example.org/paid"), key: "fee-3"))
    queued(payment, amount)
    try await client.sync(deadline: 10)
    for await state in client.states(payment.id) {
        guard let page = state.checkoutURL else { continue }
        say("open \(page)")
        break
    }
    try await client.sync(deadline: 10)
    ended(try await client.awaitEnd(payment.id))
}

/// Begins a session at the scripted server: first a page to open, then the money.
func scriptedServer() async throws -> URL {
    let root = try address(setting("TARISHI_SCRIPTED"))
    let begun = try JSONDecoder().decode([String: String].self, from: await post(root.appendingPathComponent("_sessions"), ""))
    let session = try address(begun["url"] ?? "")
    let script = """
        [{"changes": [{"key": "fee-3", "state": "waiting",
            "outcome": {"interim": {"open_url": {"url": "https://checkout.example/pay/abc"}}}}]},
         {"changes": [{"key": "fee-3", "state": "succeeded",
            "outcome": {"receipt": "FLW-1", "amount": {"amount": "500.00", "currency": "KES"}}}]}]
        """
    _ = try await post(session.appendingPathComponent("_script"), script)
    return session
}

func post(_ url: URL, _ body: String) async throws -> Data {
    var request = URLRequest(url: url)
    request.httpMethod = "POST"
    request.httpBody = Data(body.utf8)
    return try await withCheckedThrowingContinuation { continuation in
        URLSession.shared.dataTask(with: request) { data, _, error in
            continuation.resume(with: error.map(Result.failure) ?? .success(data ?? Data()))
        }.resume()
    }
}

func main() async throws {
    let files = FileManager.default
    let folder = (try? setting("TARISHI_FOLDER")).map { URL(fileURLWithPath: $0) }
        ?? files.temporaryDirectory.appendingPathComponent("swift-cli-\(UUID().uuidString)")
    try files.createDirectory(at: folder, withIntermediateDirectories: true)

    let client = try TarishiClient.open(
        Configuration(
            database: folder.appendingPathComponent("amina.db"), serverURL: address(setting("TARISHI_SERVER")),
            tokens: StaticToken(setting("TARISHI_TOKEN"))))
    try await pay(client)
    try await comeBack(client, goOffline(client))
    client.close()

    let server = try await scriptedServer()
    // The platform's own HTTP, for a change.
    var configuration = Configuration(
        database: folder.appendingPathComponent("hosted.db"), serverURL: server, tokens: StaticToken("t1"))
    configuration.transport = URLSessionTransport()
    let hosted = try TarishiClient.open(configuration)
    try await checkOut(hosted, server)
    hosted.close()
    say("== done")
}

do {
    try await main()
} catch {
    say("failed: \(error)")
    exit(1)
}
