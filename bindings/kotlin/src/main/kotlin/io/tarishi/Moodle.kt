package io.tarishi

import kotlin.time.Duration

/** A user or course by one of its names. */
public data class LookUp(
    /** The field to look in: `id`, `idnumber`, `username`, `email`, `shortname`. */
    val by: String,
    /** Its value. */
    val value: String,
)

/** Moodle. */
public object Moodle {
    private const val adapter = "moodle"

    /**
     * Enrols [user] in [course].
     *
     * @param role as what; student if not said.
     * @param start from when.
     * @param end until when.
     * @param suspend suspends the enrolment instead.
     */
    public fun enroll(
        user: LookUp,
        course: LookUp,
        role: String? = null,
        start: Instant? = null,
        end: Instant? = null,
        suspend: Boolean? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields(
            "user" to user.json(),
            "course" to course.json(),
            "role" to role,
            "start" to start?.toString(),
            "end" to end?.toString(),
            "suspend" to suspend,
        )
        return operation(adapter, "enroll", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Stores [grades] of [course], or of its [item]. Grades are decimal text. */
    public fun pushGrades(
        course: LookUp,
        grades: List<GradeEntry>,
        item: String? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields(
            "direction" to "push",
            "course" to course.json(),
            "item" to item,
            "grades" to grades.map { mapOf("user" to it.user, "grade" to it.grade) },
        )
        return operation(adapter, "sync_grades", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Reads the grades of [course], or of its [item]. */
    public fun pullGrades(
        course: LookUp,
        item: String? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("direction" to "pull", "course" to course.json(), "item" to item)
        return operation(adapter, "sync_grades", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Reads the courses of [category], or all. */
    public fun syncCourses(
        category: String? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("category" to category)
        return operation(adapter, "sync_courses", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Creates a course, or finds the one of the same [idnumber], the school's own number. */
    public fun createCourse(
        idnumber: String,
        fullname: String,
        shortname: String,
        category: String? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields(
            "idnumber" to idnumber,
            "fullname" to fullname,
            "shortname" to shortname,
            "category" to category,
        )
        return operation(adapter, "create_course", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    private fun LookUp.json() = mapOf("by" to by, "value" to value)
}
