package io.tarishi

import kotlin.time.Duration

/** What the stores of files can do. */
public sealed class Files(
    /** The adapter's name. */
    public val adapter: String,
) {
    /** Stores a small file (16 KiB at most) at [destination], a path below the tenant's root. */
    public fun upload(
        destination: String,
        content: ByteArray,
        contentType: String? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields(
            "destination" to destination,
            "content_type" to contentType,
            "content_base64" to Base64.encode(content),
        )
        return operation(adapter, "upload", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Stores a file that travels apart at [destination], a path below the tenant's root. */
    public fun upload(
        destination: String,
        blob: BlobRef,
        contentType: String? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("destination" to destination, "content_type" to contentType, "blob" to blob.id)
        return operation(adapter, "upload", payload, key, orderingKey, onFailure, priority, ttl, after, listOf(blob))
    }

    /** Fetches the file at [path]. */
    public fun download(
        path: String,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("path" to path)
        return operation(adapter, "download", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Fetches the file that the store calls [fileId]. */
    public fun downloadById(
        fileId: String,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("file_id" to fileId)
        return operation(adapter, "download", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Deletes the file at [path]. */
    public fun delete(
        path: String,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("path" to path)
        return operation(adapter, "delete", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Deletes the file that the store calls [fileId]. */
    public fun deleteById(
        fileId: String,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("file_id" to fileId)
        return operation(adapter, "delete", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Lists the folder [path] (empty: the root), [limit] files a page. [cursor] is where the page before ended. */
    public fun list(
        path: String = "",
        limit: Int? = null,
        cursor: String? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("path" to path, "limit" to limit, "cursor" to cursor)
        return operation(adapter, "list", payload, key, orderingKey, onFailure, priority, ttl, after)
    }
}

/** Google Drive. */
public object GoogleDrive : Files("google_drive")

/** A folder at the companion server. */
public object LocalStorage : Files("local_storage")
