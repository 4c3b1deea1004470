// The learning management system: `moodle`.

import Foundation

/// Moodle. What every function takes besides its own is said at ``PaymentAdapter``.
public enum Moodle {
    /// `moodle`.
    public static let adapter = "moodle"

    /// A user or course by one of its names.
    public struct LookUp: Sendable, Hashable, Encodable {
        /// The field to look in: `id`, `idnumber`, `username`, `email`, `shortname`.
        public var by: String
        /// Its value.
        public var value: String

        /// What has this value in this field.
        public init(by: String, value: String) {
            self.by = by
            self.value = value
        }

        /// By Moodle's own id.
        public static func id(_ value: String) -> LookUp { LookUp(by: "id", value: value) }
        /// By the school's number.
        public static func idnumber(_ value: String) -> LookUp { LookUp(by: "idnumber", value: value) }
        /// A user by the name they sign in with.
        public static func username(_ value: String) -> LookUp { LookUp(by: "username", value: value) }
        /// A user by e-mail.
        public static func email(_ value: String) -> LookUp { LookUp(by: "email", value: value) }
        /// A course by its short name.
        public static func shortname(_ value: String) -> LookUp { LookUp(by: "shortname", value: value) }
    }

    /// One grade: decimal text, compared and never computed with.
    public struct Grade: Sendable, Hashable, Encodable {
        /// Whose.
        public var user: String
        /// The grade.
        public var grade: String

        /// Somebody's grade.
        public init(user: String, grade: String) {
            self.user = user
            self.grade = grade
        }
    }
}

/// As the protocol writes times: RFC 3339, in whole seconds.
private func rfc3339(_ date: Date) -> String {
    date.formatted(.iso8601)
}

extension Moodle {
    /// Enrols a user in a course, as `role` or else as student, from `start` until `end`; `suspend` suspends instead.
    public static func enroll(
        user: LookUp, course: LookUp, role: String? = nil, start: Date? = nil, end: Date? = nil, suspend: Bool? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "user": user,
            "course": course,
            "role": role,
            "start": start.map(rfc3339),
            "end": end.map(rfc3339),
            "suspend": suspend,
        ]
        return NewOperation(
            adapter, "enroll", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Stores grades of a course's item, or of its total.
    public static func pushGrades(
        _ grades: [Grade], course: LookUp, item: String? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "direction": "push",
            "course": course,
            "item": item,
            "grades": grades,
        ]
        return NewOperation(
            adapter, "sync_grades", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Reads the grades of a course's item, or of its total.
    public static func pullGrades(
        course: LookUp, item: String? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "direction": "pull",
            "course": course,
            "item": item,
        ]
        return NewOperation(
            adapter, "sync_grades", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Reads the courses of a category, or all.
    public static func syncCourses(
        category: String? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "category": category,
        ]
        return NewOperation(
            adapter, "sync_courses", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Creates a course. `idnumber` is the school's own and `shortname` is short; both are unique.
    public static func createCourse(
        idnumber: String, fullname: String, shortname: String, category: String? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "idnumber": idnumber,
            "fullname": fullname,
            "shortname": shortname,
            "category": category,
        ]
        return NewOperation(
            adapter, "create_course", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }
}
