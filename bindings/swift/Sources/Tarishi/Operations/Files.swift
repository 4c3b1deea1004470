// Files: `google_drive`, `local_storage`.

import Foundation

/// Keeps files. ``GoogleDrive`` and ``LocalStorage`` are the adapters there are. What every function takes besides its own is said
/// at ``PaymentAdapter``.
public protocol FileAdapter {
    /// The adapter's name at the server.
    static var adapter: String { get }
}

/// Google Drive.
public enum GoogleDrive: FileAdapter {
    /// `google_drive`.
    public static let adapter = "google_drive"
}

/// The server's own disk.
public enum LocalStorage: FileAdapter {
    /// `local_storage`.
    public static let adapter = "local_storage"
}

extension FileAdapter {
    /// Stores a small file, up to 16 KiB. `destination` is a path below the tenant's root.
    public static func upload(
        destination: String, content: Data, contentType: String? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "destination": destination,
            "content_type": contentType,
            "content_base64": content.base64EncodedString(),
        ]
        return NewOperation(
            adapter, "upload", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Fetches a file by the store's id.
    public static func download(
        file: String, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "file_id": file,
        ]
        return NewOperation(
            adapter, "download", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Fetches a file by its path.
    public static func download(
        path: String, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "path": path,
        ]
        return NewOperation(
            adapter, "download", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Deletes a file by the store's id.
    public static func delete(
        file: String, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "file_id": file,
        ]
        return NewOperation(
            adapter, "delete", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Deletes a file by its path.
    public static func delete(
        path: String, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "path": path,
        ]
        return NewOperation(
            adapter, "delete", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Lists a folder, page by page; an empty path is the root. `cursor` is where the last answer ended.
    public static func list(
        path: String = "", limit: Int? = nil, cursor: String? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "path": path,
            "limit": limit,
            "cursor": cursor,
        ]
        return NewOperation(
            adapter, "list", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Stores a file that travels apart as a blob. `destination` is a path below the tenant's root.
    public static func upload(
        destination: String, blob: BlobRef, contentType: String? = nil, key: String? = nil, orderingKey: String? = nil,
        onFailure: OnFailure = .continue, priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "destination": destination,
            "content_type": contentType,
            "blob": blob.id,
        ]
        var operation = NewOperation(
            adapter, "upload", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
        operation.blobs = [blob]
        return operation
    }
}
