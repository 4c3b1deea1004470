// A thousand lives of a client take no more memory than a hundred.

import Foundation
import Tarishi
import TarishiTestKit
import Testing

#if canImport(Glibc)
    import Glibc
#endif

#if os(Linux)
    @Suite("Memory", .serialized)
    struct MemoryTests {
        /// Resident memory in kilobytes. What the allocator keeps for later is given back first: it is no leak.
        private func resident() throws -> Int {
            let trim = try #require(dlsym(nil, "malloc_trim"))
            _ = unsafeBitCast(trim, to: (@convention(c) (Int) -> Int32).self)(0)
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
            return try #require(line?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        }

        @Test("over a thousand cycles of open, ten enqueues, sync and close memory does not grow")
        func cycles() async throws {
            var early = 0
            for cycle in 1...1000 {
                let phone = try TestPhone()
                for number in 0..<10 { try await phone.client.enqueue(sms("k\(number)")) }
                #expect(try await phone.client.sync().accepted == 10)
                phone.client.close()
                if cycle == 100 { early = try resident() }
            }
            let late = try resident()
            print("memory: \(early) kB at cycle 100, \(late) kB at cycle 1000")
            #expect(Double(late) <= 1.05 * Double(early))
        }
    }
#endif
