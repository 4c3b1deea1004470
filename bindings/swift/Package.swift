// swift-tools-version: 6.0
// Tarishi for Swift. The generated half (`TarishiBindings` and the header of `TarishiFFI`) is put here by bindings/tools/swift.sh;
// on a Mac, xcframework.sh adds Tarishi.xcframework, and the package then links that instead of a library found by the linker.

import Foundation
import PackageDescription

let framework = "Tarishi.xcframework"
let framed = FileManager.default.fileExists(atPath: Context.packageDirectory + "/" + framework)

let ffi: Target =
    framed
    ? .binaryTarget(name: "TarishiFFI", path: framework)
    : .target(name: "TarishiFFI", linkerSettings: [.linkedLibrary("tarishi")])

// Warnings are errors in what is written by hand; packages that depend on this one may not set flags, so only our own runs do.
let strict: [SwiftSetting] =
    Context.environment["TARISHI_STRICT"] == nil
    ? [.swiftLanguageMode(.v6)]
    : [.swiftLanguageMode(.v6), .unsafeFlags(["-warnings-as-errors"])]

// Stand-ins for Apple's modules, so that what needs them is type-checked on Linux. Never part of a product.
let checked = Context.environment["TARISHI_APPLE_STUBS"] != nil
let apple = ["BackgroundTasks", "Network", "Security", "UIKit"]
let stubs: [Target] = checked ? apple.map { .target(name: $0, path: "Stubs/\($0)") } : []

let package = Package(
    name: "Tarishi",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "Tarishi", targets: ["Tarishi"]),
        .library(name: "TarishiTestKit", targets: ["TarishiTestKit"]),
    ],
    targets: [
        ffi,
        // Swift 6 mode crashes the compiler on async methods of foreign traits as uniffi 0.32 writes them.
        .target(name: "TarishiBindings", dependencies: ["TarishiFFI"], swiftSettings: [.swiftLanguageMode(.v5)]),
        .target(
            name: "Tarishi",
            dependencies: ["TarishiBindings"] + (checked ? apple.map { .byName(name: $0) } : []),
            swiftSettings: strict
        ),
        .target(name: "TarishiTestKit", dependencies: ["Tarishi"], swiftSettings: strict),
        .executableTarget(name: "tarishi-bench", dependencies: ["Tarishi"], path: "Sources/Bench", swiftSettings: strict),
        .testTarget(name: "TarishiTests", dependencies: ["Tarishi", "TarishiTestKit"], swiftSettings: strict),
    ] + stubs
)
