// The typed operations against bindings/payloads.json, which all languages share.

import Foundation
import Tarishi
import TarishiTestKit
import Testing

@Suite("Typed operations")
struct OperationTests {
    private static let id = UUID(uuidString: "0198c2b0-7a00-7000-8000-000000000001")!
    private static let destination = "reports/2026/amina.txt"
    private static let done = URL(string: "https://school.example.org/done")!

    private static func start(_ text: String) throws -> Date { try Date(text, strategy: .iso8601) }

    private static func files<Adapter: FileAdapter>(_: Adapter.Type) -> [String: NewOperation] {
        [
            "\(Adapter.adapter).upload": Adapter.upload(destination: destination, content: Data("Habari".utf8), contentType: "text/plain"),
            "\(Adapter.adapter).download": Adapter.download(file: "file-1"),
            "\(Adapter.adapter).delete": Adapter.delete(path: destination),
            "\(Adapter.adapter).list": Adapter.list(path: "reports", limit: 50, cursor: "c1"),
        ]
    }

    private static func payments<Adapter: PaymentAdapter>(_: Adapter.Type) -> [String: NewOperation] {
        [
            "\(Adapter.adapter).query": Adapter.query(operation: id),
            "\(Adapter.adapter).refund": Adapter.refund(operation: id, amount: .kes("200.00"), reason: "paid twice", key: "k"),
        ]
    }

    private static func single() throws -> [String: NewOperation] {
        [
            "mpesa.charge": Mpesa.charge(
                amount: .kes("1000.00"), phone: "+254711222333", reference: "FEES-2026-17", description: "Term 2 \"fees\"", key: "k"),
            "flutterwave.charge": Flutterwave.charge(
                amount: .ugx("25000"), phone: "+256701222333", reference: "FEES-2026-18", description: "Fees",
                email: "parent@example.org", method: .mobileMoney, returnURL: done, key: "k"),
            "pesapal.charge": Pesapal.charge(
                amount: .kes("1500.50"), phone: "+254711222333", reference: "FEES-2026-19", description: "Fees – ndogo",
                email: "parent@example.org", method: .link, returnURL: done, key: "k"),
            "mpesa.query#receipt": Mpesa.query(receipt: "QK12345678"),
            "mpesa.refund#receipt": Mpesa.refund(receipt: "QK12345678", reason: "all of it", key: "k"),
            "sms.send": Sms.send(to: ["+254711222333", "+254711222334"], message: "Habari\\ya \u{2028} leo\n\u{1}", from: "SCHOOL"),
            "sms.send#one": Sms.send(to: "+254711222333", message: "Habari"),
            "sms.query": Sms.query(operation: id),
            "sms.query#message": Sms.query(message: "ATXid_1"),
            "sms.balance": Sms.balance(),
            "whatsapp.balance": Whatsapp.balance(),
            "whatsapp.send": Whatsapp.send(
                to: "+254711222333", template: MessageTemplate(name: "fees_due", language: "sw", params: ["Amina", "1000.00"])),
            "whatsapp.send#media": Whatsapp.send(
                to: ["+254711222333"], message: "Ripoti",
                media: MessageMedia(url: URL(string: "https://school.example.org/r.pdf")!, caption: "Ripoti")),
            "whatsapp.query": Whatsapp.query(message: "wamid.1"),
            "push.send": Push.send(
                to: .user("acc_17"), title: "Fees", body: "Received", data: ["screen": "fees", "count": 2, "new": true]),
            "push.send#device": Push.send(to: .device("dev_1"), title: "Fees", body: "Received"),
            "push.query": Push.query(operation: id),
            "moodle.enroll": Moodle.enroll(
                user: .username("amina"), course: .shortname("MATH-1"), role: "student", start: try start("2026-03-01T08:00:00Z"),
                end: try start("2026-06-01T08:00:00Z"), suspend: false),
            "moodle.sync_grades": Moodle.pushGrades(
                [Moodle.Grade(user: "amina", grade: "78.5")], course: .idnumber("M1"), item: "exam-1"),
            "moodle.sync_grades#pull": Moodle.pullGrades(course: .idnumber("M1")),
            "moodle.sync_courses": Moodle.syncCourses(category: "2026"),
            "moodle.create_course": Moodle.createCourse(
                idnumber: "M1", fullname: "Mathematics 1", shortname: "MATH-1", category: "2026"),
            "notifications.notify": Notifications.notify(
                type: "fees_received", to: .user("acc_17"), data: ["name": "Amina", "amount": "1000.00"], dedupeKey: "fees-17"),
            "notifications.notify#list": Notifications.notify(type: "closed_tomorrow", to: .list(["acc_17", "acc_18"])),
        ]
    }

    private static func all() throws -> [String: NewOperation] {
        let parts = [
            try single(), payments(Mpesa.self), payments(Flutterwave.self), payments(Pesapal.self), files(GoogleDrive.self),
            files(LocalStorage.self),
        ]
        return parts.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
    }

    private static func shared() throws -> [String: JSONValue] {
        let data = try Data(contentsOf: Project.root.appendingPathComponent("bindings/payloads.json"))
        let examples = try JSONDecoder().decode([JSONValue].self, from: data)
        return Dictionary(uniqueKeysWithValues: examples.map { ($0["name"].text ?? "", $0["payload"]) })
    }

    @Test("every action's payload is the one that all languages write")
    func payloads() throws {
        let (shared, ours) = (try Self.shared(), try Self.all())
        #expect(Set(shared.keys) == Set(ours.keys))
        for (name, operation) in ours {
            let action = name.prefix { $0 != "#" }
            #expect("\(operation.adapter).\(operation.action)" == action)
            #expect(try JSONDecoder().decode(JSONValue.self, from: Data(operation.payload.utf8)) == shared[name], "\(name)")
        }
    }

    @Test("the library takes every one of them")
    func taken() async throws {
        let phone = try TestPhone()
        for (name, operation) in try Self.all() {
            var operation = operation
            operation.key = name
            let error = await thrown { try await phone.client.enqueue(operation) }
            #expect(error == nil, "\(name)")
        }
    }

    @Test("the same payload is always the same text, and slashes stay what they are")
    func text() {
        let operation = LocalStorage.list(path: "a/b", limit: 1)
        #expect(operation.payload == #"{"limit":1,"path":"a/b"}"#)
        #expect(charge("k").payload == #"{"amount":{"amount":"1000.00","currency":"KES"},"phone":"+254711222333","reference":"k"}"#)
    }

    @Test("what every operation may have reaches the record")
    func common() async throws {
        let phone = try TestPhone()
        let parent = try await phone.client.enqueue(sms("a"))
        let child = try await phone.client.enqueue(
            Sms.send(
                to: "+254711222333", message: "x", key: "b", orderingKey: "student:1", onFailure: .halt, priority: .high, ttl: 60,
                after: After(operationId: parent.id, on: .succeeded)))
        #expect(child.orderingKey == "student:1")
        #expect(child.after == After(operationId: parent.id, on: .succeeded))
        try await phone.client.sync()
        #expect(phone.server.requests.flatMap(\.operations).contains { $0.key == "b" && $0.payload["message"] == "x" })
    }

    @Test("an adapter without typed functions takes any Encodable")
    func free() async throws {
        struct Question: Encodable { let port: String }
        let operation = try NewOperation(adapter: "tides", action: "ask", body: Question(port: "Mombasa"), key: "q")
        #expect(operation.payload == #"{"port":"Mombasa"}"#)
        let phone = try TestPhone()
        #expect(try await phone.client.enqueue(operation).adapter == "tides")
    }

    @Test("a blob travels with its operation")
    func blobs() {
        let blob = BlobRef(id: "b1", sha256: String(repeating: "0", count: 64), size: 3)
        let operation = LocalStorage.upload(destination: "a", blob: blob)
        #expect(operation.blobs == [blob])
        #expect(operation.payload == #"{"blob":"b1","destination":"a"}"#)
    }

    @Test("words of states go both ways, and what ended has ended")
    func states() {
        for state in DeviceState.allCases { #expect(DeviceState(word: state.word) == state) }
        #expect(DeviceState(word: "sleeping") == nil)
        #expect(DeviceState.allCases.filter(\.ended).count == 6)
    }
}
