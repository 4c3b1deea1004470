pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "tarishi-kotlin"

// bindings: generated. tarishi: JVM and Android. tarishi-android: the AAR with the native libraries. tarishi-testkit: for tests.
include("bindings", "tarishi", "tarishi-android", "tarishi-testkit")
project(":tarishi-testkit").projectDir = file("testkit")
