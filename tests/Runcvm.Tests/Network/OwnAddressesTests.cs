using Runcvm.Linux;
using Runcvm.Network;

namespace Runcvm.Tests.Network;

public class OwnAddressesTests
{
    [Fact]
    public void The_kernel_is_asked_once_for_many_and_again_after_a_change()
    {
        int asked = 0;
        byte[] own = [10, 9, 0, 2];
        var addresses = new OwnAddresses(() => { asked++; return [own]; });
        long begin = Environment.TickCount64;
        for (int i = 0; i < 1000; i++) Assert.True(addresses.Has([10, 9, 0, 2]));
        Assert.InRange(asked, 1, 2 + ((Environment.TickCount64 - begin) / 1000));
        own = [10, 9, 0, 3];
        addresses.Forget();
        Assert.True(addresses.Has([10, 9, 0, 3]));
        Assert.False(addresses.Has([10, 9, 0, 2]));
    }

    [Fact]
    public void Where_the_kernel_does_not_say_only_loopback_is_inside()
    {
        var addresses = new OwnAddresses(static () => throw new LinuxException(Errno.ENOBUFS, "list addresses"));
        Assert.False(addresses.Has([10, 9, 0, 2]));
        Assert.True(addresses.Has([127, 0, 0, 1]));
    }
}
