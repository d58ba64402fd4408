using System.Reflection;

namespace Runcvm.Tests.Layout;

/// <summary>No two rooms of a project need each other, not even by way of others.</summary>
public class RoomTests
{
    private static readonly Dictionary<string, Assembly> Projects = new()
    {
        ["Runcvm"] = typeof(UsageException).Assembly,
        ["Runcvm.Fuse"] = typeof(Runcvm.Fuse.FileServer).Assembly,
        ["Runcvm.Guest"] = typeof(Guest.Root.Disk).Assembly,
        ["Runcvm.Linux"] = typeof(Runcvm.Linux.LinuxException).Assembly,
        ["Runcvm.Protocol"] = typeof(Runcvm.Protocol.Wire.WireReader).Assembly,
    };

    [Theory]
    [InlineData("Runcvm", 15)]
    [InlineData("Runcvm.Fuse", 4)]
    [InlineData("Runcvm.Guest", 8)]
    [InlineData("Runcvm.Linux", 8)]
    [InlineData("Runcvm.Protocol", 4)]
    public void No_circle_leads_from_a_room_back_to_it(string project, int leastRooms)
    {
        RoomGraph graph = RoomGraph.Of(Projects[project], project);
        // A graph without rooms has no circles either.
        Assert.InRange(graph.Rooms, leastRooms, 1000);
        Assert.Empty(graph.Circles());
    }

    [Fact]
    public void A_circle_is_told_as_a_chain_of_types()
    {
        var graph = new RoomGraph("P", [("P.A.One", "P.B.Two"), ("P.B.Three", "P.C.Four"), ("P.C.Four", "P.A.Five")]);
        Assert.Equal(["A.One -> B.Two, B.Three -> C.Four, C.Four -> A.Five"], graph.Circles());
    }

    [Fact]
    public void A_type_in_the_projects_own_folder_is_a_room_by_itself()
    {
        var graph = new RoomGraph("P", [("P.Program", "P.A.One"), ("P.A.One", "P.Failure"), ("P.A.B.Two", "P.A.One")]);
        Assert.Empty(graph.Circles());
    }

    [Fact]
    public void References_are_found_in_bodies_lambdas_locals_fields_and_generic_arguments()
    {
        string me = typeof(ReferenceSample).FullName!;
        string[] needed = [.. TypeReferences.Of(typeof(ReferenceSample).Assembly)
            .Where(pair => pair.From == me).Select(static pair => pair.To.Split('.')[^1]).Order()];
        Assert.Equal(
            [
                "InArgument", "InAsync", "InAttribute", "InBase", "InField", "InLambda", "InLocal", "InNested",
                "InSignature",
            ],
            needed);
    }
}
