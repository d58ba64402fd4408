namespace Runcvm.Fuse.Wire;

/// <summary>What both sides can do: FUSE_* flags of FUSE_INIT in linux/fuse.h. Those from bit 32 on are in flags2.</summary>
[Flags]
internal enum InitFlags : ulong
{
    AsyncRead = 1 << 0,
    PosixLocks = 1 << 1,
    AtomicOTrunc = 1 << 3,
    BigWrites = 1 << 5,
    DontMask = 1 << 6,
    FlockLocks = 1 << 10,
    AutoInvalData = 1 << 12,
    DoReaddirplus = 1 << 13,
    ReaddirplusAuto = 1 << 14,
    AsyncDio = 1 << 15,
    ParallelDirops = 1 << 18,
    PosixAcl = 1 << 20,
    MaxPages = 1 << 22,
    CacheSymlinks = 1 << 23,
    HandleKillprivV2 = 1 << 28,
    SetxattrExt = 1 << 29,
    InitExt = 1 << 30,
    // Newer than the headers of some build machines: since protocol 7.39.
    DirectIoAllowMmap = 1UL << 36,
}
