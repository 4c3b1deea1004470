// The header and the module map are generated; the code is in libtarishi. This file gives SwiftPM something to compile.
