// swift-tools-version: 6.0
// The headless twin of examples/kotlin-cli. Run by bindings/tools/swift.sh, which puts the generated code in its place first.

import PackageDescription

let package = Package(
    name: "swift-cli",
    platforms: [.macOS(.v12)],
    dependencies: [.package(name: "Tarishi", path: "../../bindings/swift")],
    targets: [.executableTarget(name: "swift-cli", dependencies: [.product(name: "Tarishi", package: "Tarishi")])]
)
