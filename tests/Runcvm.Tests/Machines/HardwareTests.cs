using System.Globalization;
using System.Reflection;
using Runcvm.Machines;
using Runcvm.Options;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Machines;

public class HardwareTests
{
    [Fact]
    public void Every_part_reaches_the_supervisor()
    {
        PropertyInfo[] parts =
        [
            .. typeof(Hardware).GetProperties(BindingFlags.Instance | BindingFlags.NonPublic)
                .Where(static part => part.CanWrite),
        ];
        Assert.NotEmpty(parts);
        foreach (PropertyInfo part in parts)
        {
            var hardware = new Hardware();
            part.SetValue(hardware, Convert.ChangeType(1, part.PropertyType, CultureInfo.InvariantCulture));
            Assert.NotEqual(new Hardware(), hardware);
            Assert.Equal(hardware, WireBytes.Read<Hardware>(WireBytes.Of(hardware)));
        }
    }

    [Fact]
    public void Its_bytes_keep_their_order_and_new_ones_follow()
    {
        var hardware = new Hardware
        {
            UseKvm = true,
            Cpus = 2,
            MemoryBytes = 64 << 20,
            Balloon = true,
            BalloonMebibytes = 3,
            VhostNet = true,
        };
        string bytes = Convert.ToHexString(WireBytes.Of(hardware));
        Assert.StartsWith("010200000000000004000000000103000000000001", bytes, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData((int)Hypervisor.Qemu, 0)]
    [InlineData((int)Hypervisor.Firecracker, 1)]
    public void What_runs_it_is_the_first_byte_of_its_description(int kind, byte expected)
    {
        var description = new MachineDescription
        {
            Kind = (Hypervisor)kind,
            Hypervisor = "",
            HypervisorUser = 1,
            KernelCommandLine = "",
        };
        Assert.Equal(expected, WireBytes.Of(description)[0]);
    }
}
