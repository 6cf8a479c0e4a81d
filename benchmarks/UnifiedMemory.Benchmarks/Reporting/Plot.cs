using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace UnifiedMemory.Benchmarks.Reporting;

/// <summary>Lines over one axis, as an SVG that needs no font or library of the machine.</summary>
internal sealed class Plot(string title, string across, string up, bool linearUp = false)
{
    private readonly PlotModel _model = new()
    {
        Title = title,
        TitleFontSize = 14,
        Background = OxyColors.White,
        DefaultColors = [OxyColor.Parse("#0072B2"), OxyColor.Parse("#E69F00"), OxyColor.Parse("#009E73"), OxyColor.Parse("#CC79A7")],
        Legends = { new Legend { LegendPosition = LegendPosition.BottomRight, LegendPlacement = LegendPlacement.Inside } },
        Axes =
        {
            new LogarithmicAxis { Position = AxisPosition.Bottom, Title = across, MajorGridlineStyle = LineStyle.Dot, MaximumPadding = 0.02 },
            linearUp
                ? new LinearAxis { Position = AxisPosition.Left, Title = up, MajorGridlineStyle = LineStyle.Dot, MaximumPadding = 0.05 }
                : new LogarithmicAxis { Position = AxisPosition.Left, Title = up, MajorGridlineStyle = LineStyle.Dot },
        },
    };

    public string Title => _model.Title;

    public Plot Line(string name, IEnumerable<(double Across, double Up)> points)
    {
        var line = new LineSeries { Title = name, MarkerType = MarkerType.Circle, MarkerSize = 3 };
        line.Points.AddRange(points.Select(point => new DataPoint(point.Across, point.Up)));
        _model.Series.Add(line);
        return this;
    }

    public void Save(string path)
    {
        using var file = File.Create(path);
        new SvgExporter { Width = 720, Height = 440 }.Export(_model, file);
    }
}
