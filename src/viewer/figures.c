/* figures.c - columns of numbers at the left of a view. */
#include "config.h"

#include "viewer/figures.h"

bool
figures_wide(const struct figures *figures, const struct canvas *canvas)
{
	return canvas->width >= figures->wide;
}

int
figure_width(const struct figures *figures, const struct canvas *canvas,
	     int which)
{
	const struct figure *figure = &figures->list[which];

	if (canvas->width < figure->from)
		return 0;
	return figure->width[figures_wide(figures, canvas)];
}

int
figure_begin(const struct figures *figures, const struct canvas *canvas,
	     int which)
{
	int x = 0;

	for (int i = 0; i < which; i++)
		x += figure_width(figures, canvas, i);
	return x;
}

int
figures_width(const struct figures *figures, const struct canvas *canvas)
{
	return figure_begin(figures, canvas, figures->count);
}

void
figure_draw(const struct figures *figures, struct canvas *canvas, int y,
	    int which, enum role role, const char *text)
{
	canvas_right(canvas, y, figure_begin(figures, canvas, which),
		     figure_width(figures, canvas, which), role, text);
}

void
figures_head(const struct figures *figures, struct canvas *canvas, int y,
	     int sorts, int gap, const char *names)
{
	int x = figures_width(figures, canvas) + gap;

	canvas_fill(canvas, y, 0, canvas->width, ROLE_HEAD, " ");
	for (int i = 0; i < figures->count; i++)
		figure_draw(figures, canvas, y, i,
			    i == sorts ? ROLE_SORTED : ROLE_HEAD,
			    figures->list[i].title);
	canvas_text(canvas, y, x, canvas->width - x, ROLE_HEAD, names);
}
