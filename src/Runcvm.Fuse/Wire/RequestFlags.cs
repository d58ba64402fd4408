namespace Runcvm.Fuse.Wire;

/// <summary>FATTR_*: which fields of fuse_setattr_in count.</summary>
[Flags]
internal enum SetattrValid : uint
{
    Mode = 1 << 0,
    Uid = 1 << 1,
    Gid = 1 << 2,
    Size = 1 << 3,
    Atime = 1 << 4,
    Mtime = 1 << 5,
    Fh = 1 << 6,
    AtimeNow = 1 << 7,
    MtimeNow = 1 << 8,
    KillSuidgid = 1 << 11,
}

/// <summary>FOPEN_*: what the kernel is to do with an open file.</summary>
[Flags]
internal enum OpenReplyFlags : uint
{
    None = 0,
    DirectIo = 1 << 0,
    KeepCache = 1 << 1,
    CacheDir = 1 << 3,
}

/// <summary>FUSE_WRITE_*</summary>
[Flags]
internal enum WriteFlags : uint
{
    Cache = 1 << 0,
    KillSuidgid = 1 << 2,
}

/// <summary>Single bits of requests that have one each.</summary>
internal static class RequestBits
{
    /// <summary>FUSE_OPEN_KILL_SUIDGID</summary>
    internal const uint OpenKillSuidgid = 1;

    /// <summary>FUSE_RELEASE_FLUSH</summary>
    internal const uint ReleaseFlush = 1;

    /// <summary>FUSE_RELEASE_FLOCK_UNLOCK</summary>
    internal const uint ReleaseFlockUnlock = 2;

    /// <summary>FUSE_FSYNC_FDATASYNC</summary>
    internal const uint FsyncDataOnly = 1;

    /// <summary>FUSE_LK_FLOCK</summary>
    internal const uint LockIsFlock = 1;

    /// <summary>FUSE_SETXATTR_ACL_KILL_SGID</summary>
    internal const uint SetxattrAclKillSgid = 1;
}
