using Runcvm.Fuse.Wire;
using Runcvm.Linux;

namespace Runcvm.Fuse;

public sealed partial class FileServer
{
    private const uint Major = 7;

    // Linux 5.4: before it, replies have other sizes and half of the operations do not exist.
    private const uint OldestMinor = 31;
    private const uint NewestMinor = 38;

    // What the kernel may have under way of read-ahead and the like; its own default, 12, starves parallel readers.
    private const ushort MaxBackground = 64;
    private const ushort CongestionThreshold = 48;
    private const int PageSize = 4096;

    private const InitFlags Wanted = InitFlags.AsyncRead | InitFlags.PosixLocks | InitFlags.FlockLocks | InitFlags.AtomicOTrunc
        | InitFlags.BigWrites | InitFlags.DontMask | InitFlags.AutoInvalData | InitFlags.DoReaddirplus | InitFlags.ReaddirplusAuto
        | InitFlags.AsyncDio | InitFlags.ParallelDirops | InitFlags.PosixAcl | InitFlags.MaxPages | InitFlags.HandleKillprivV2
        | InitFlags.SetxattrExt | InitFlags.InitExt;

    private InitFlags _agreed;

    // Since Linux 6.6 a direct write throws away what the guest's cache of pages has at its place, and a file that is
    // open for direct access can be mapped.
    private bool _keepsPagesRight;

    private int Init(RequestBody body, ref Reply reply)
    {
        if (!body.TryRead(out InitIn init)) return Fail(Errno.EINVAL);
        // "If the major versions don't match": a kernel that is newer asks again with ours; linux/fuse.h.
        if (init.Major > Major) return Answer(ref reply, new InitOut { Major = Major, Minor = NewestMinor }, InitOut.Compat22Size);
        if (init.Major < Major || init.Minor < OldestMinor) return Fail(Errno.EPROTO);

        var offered = (InitFlags)init.Flags;
        if (offered.HasFlag(InitFlags.InitExt) && body.TryRead(out uint flags2)) offered |= (InitFlags)((ulong)flags2 << 32);
        InitFlags wanted = Wanted | _cache switch
        {
            CachePolicy.Always => InitFlags.CacheSymlinks,
            CachePolicy.None => InitFlags.DirectIoAllowMmap,
            _ => 0,
        };
        _agreed = offered & wanted;
        _keepsPagesRight = offered.HasFlag(InitFlags.DirectIoAllowMmap);
        var answer = new InitOut
        {
            Major = Major,
            Minor = Math.Min(init.Minor, NewestMinor),
            MaxReadahead = Math.Min(init.MaxReadahead, MostData),
            Flags = (uint)_agreed,
            Flags2 = (uint)((ulong)_agreed >> 32),
            MaxBackground = MaxBackground,
            CongestionThreshold = CongestionThreshold,
            MaxWrite = MostData,
            TimeGran = 1,
            MaxPages = MostData / PageSize,
        };
        return Answer(ref reply, answer, InitOut.FullSize);
    }

    private static int Answer(ref Reply reply, in InitOut init, int size)
    {
        reply.Room[..InitOut.FullSize].Clear();
        reply.Put(init);
        reply.Advance(size - reply.Length);
        return 0;
    }
}
