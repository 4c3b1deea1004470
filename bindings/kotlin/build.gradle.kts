// The JVM jar and Android's AAR. Written without a Gradle, Google's Maven repository or an NDK at hand, so it has never been run:
// bindings/tools/kotlin.sh is what compiles and tests these sources.

import org.jetbrains.kotlin.gradle.dsl.ExplicitApiMode
import org.jetbrains.kotlin.gradle.dsl.JvmTarget
import org.jetbrains.kotlin.gradle.dsl.KotlinAndroidProjectExtension
import org.jetbrains.kotlin.gradle.dsl.KotlinJvmProjectExtension

plugins {
    alias(libs.plugins.android.library) apply false
    alias(libs.plugins.kotlin.android) apply false
    alias(libs.plugins.kotlin.jvm) apply false
}

val root: Directory = layout.projectDirectory.dir("../..")

// The generator reads the API out of a debug library.
val generate by tasks.registering(Exec::class) {
    workingDir(root)
    commandLine("bindings/tools/generate.sh")
}

// cargo install cargo-ndk
val nativeLibraries by tasks.registering(Exec::class) {
    workingDir(root)
    commandLine("bindings/tools/android.sh", layout.buildDirectory.dir("jniLibs").get().asFile.path)
}

fun Project.kotlinJvm(sources: Any, explicit: Boolean) {
    apply(plugin = "org.jetbrains.kotlin.jvm")
    apply(plugin = "java-library")
    apply(plugin = "maven-publish")
    extensions.configure<KotlinJvmProjectExtension> {
        sourceSets.getByName("main").kotlin.setSrcDirs(listOf(sources))
        compilerOptions.jvmTarget.set(JvmTarget.JVM_1_8)
        if (explicit) explicitApi = ExplicitApiMode.Strict
    }
    extensions.configure<JavaPluginExtension> {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
}

project(":bindings") {
    kotlinJvm(root.dir("target/bindings/kotlin"), explicit = false)
    tasks.named("compileKotlin") { dependsOn(generate) }
    dependencies {
        "api"(libs.coroutines)
        // An app on the JVM takes JNA's jar, one on Android its AAR.
        "compileOnly"(libs.jna)
    }
}

project(":tarishi") {
    kotlinJvm(rootProject.file("src/main/kotlin"), explicit = true)
    dependencies { "api"(project(":bindings")) }
}

project(":tarishi-testkit") {
    kotlinJvm(rootProject.file("testkit/src/main/kotlin"), explicit = true)
    dependencies {
        "api"(project(":tarishi"))
        "runtimeOnly"(libs.jna)
    }
}

project(":tarishi-android") {
    apply(plugin = "com.android.library")
    apply(plugin = "org.jetbrains.kotlin.android")
    apply(plugin = "maven-publish")
    extensions.configure<com.android.build.gradle.LibraryExtension> {
        namespace = "io.tarishi.android"
        compileSdk = 36
        defaultConfig {
            minSdk = 23
            consumerProguardFiles(rootProject.file("consumer-rules.pro"))
        }
        compileOptions {
            // java.time before Android 8.
            isCoreLibraryDesugaringEnabled = true
            sourceCompatibility = JavaVersion.VERSION_1_8
            targetCompatibility = JavaVersion.VERSION_1_8
        }
        sourceSets.getByName("main") {
            kotlin.setSrcDirs(listOf(rootProject.file("src/android/kotlin"), rootProject.file("src/work/kotlin")))
            jniLibs.setSrcDirs(listOf(rootProject.layout.buildDirectory.dir("jniLibs").get().asFile))
        }
    }
    extensions.configure<KotlinAndroidProjectExtension> {
        compilerOptions.jvmTarget.set(JvmTarget.JVM_1_8)
        explicitApi = ExplicitApiMode.Strict
    }
    tasks.named("preBuild") { dependsOn(nativeLibraries) }
    dependencies {
        "api"(project(":tarishi"))
        "api"(variantOf(libs.jna) { artifactType("aar") })
        // Only apps that use SyncWorker need it.
        "compileOnly"(libs.work)
        "coreLibraryDesugaring"(libs.desugar)
    }
}
