// The key that seals payloads and outcomes at rest, kept by the Keychain.

#if canImport(Security)
    import Foundation
    import Security

    /// Keeps 32 random bytes per database in the Keychain: readable after the first unlock, so that a sync in the background can
    /// use them, and only on this device, so that no backup takes them elsewhere.
    public final class KeychainKeyStore: KeyStore {
        private let service: String

        /// `service` names the item in the Keychain.
        public init(service: String = "io.tarishi.seal") {
            self.service = service
        }

        /// The key for this database, made at the first call.
        public func sealKey(database: String) throws -> Data {
            // The folder of an app moves with its updates; the file's name stays.
            let account = URL(fileURLWithPath: database).lastPathComponent
            if let key = try read(account) { return key }
            var bytes = [UInt8](repeating: 0, count: 32)
            try check(SecRandomCopyBytes(kSecRandomDefault, bytes.count, &bytes), "random bytes")
            let key = Data(bytes)
            var item = query(account)
            item[kSecAttrAccessible] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
            item[kSecValueData] = key
            let added = SecItemAdd(item as CFDictionary, nil)
            // Another process of the app was first.
            if added == errSecDuplicateItem, let theirs = try read(account) { return theirs }
            try check(added, "storing the key")
            return key
        }

        private func query(_ account: String) -> [CFString: Any] {
            [kSecClass: kSecClassGenericPassword, kSecAttrService: service, kSecAttrAccount: account]
        }

        private func read(_ account: String) throws -> Data? {
            var wanted = query(account)
            wanted[kSecReturnData] = true
            wanted[kSecMatchLimit] = kSecMatchLimitOne
            var found: CFTypeRef?
            let status = SecItemCopyMatching(wanted as CFDictionary, &found)
            if status == errSecItemNotFound { return nil }
            // Before the first unlock there is a key that cannot be read: making another would lose what the first one sealed.
            try check(status, "reading the key")
            return found as? Data
        }

        private func check(_ status: OSStatus, _ what: String) throws {
            guard status != errSecSuccess else { return }
            throw ClientError.Storage(reason: "Keychain, \(what): \(status)")
        }
    }
#endif
